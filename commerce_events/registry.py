"""The schema registry, over the Confluent REST calls that every registry of this world answers.

Every call ends within a deadline, however slowly a name is resolved or an answer drips; redirects are not followed.
What was learned is not asked again: ids are never reused and a released schema never changes, so a registry that is
away stops nothing that has been seen lately.
"""
from __future__ import annotations

import json
import threading
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from commerce_events.exceptions import ContractError, OperatorError, TransientError
from commerce_events.writers import MAX_TEXT

#: Seconds to connect, between two bytes, and for the whole call.
CONNECT, READ, TOTAL = 3.05, 10.0, 15.0
#: Longest answer that is read.
MAX_ANSWER = 4 << 20
#: Schemas that are remembered by their ids.
REMEMBERED = 128

_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
_ADDRESS = "Is the address the one of its Confluent-compatible API? Apicurio's ends in /apis/ccompat/v7."


class Registry:
    """A client of one registry. Threads may share it.

    Arguments:
        url: base address; Apicurio's is ``http://HOST:8080/apis/ccompat/v7``.
        auth: user (API key) and password (secret).
        verify: CA bundle, or True for the system's.
        cert: client certificate, or certificate and key.
        timeout: seconds to connect, and between two bytes.
        total: seconds until a call is given up.

    Attributes:
        shown: the address without a password, for people.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout: tuple[float, float] = (CONNECT, READ),
        total: float = TOTAL,
    ) -> None:
        self.url = url.rstrip("/")
        self.shown = _without_password(self.url)
        self._auth, self._verify, self._cert = auth, verify, cert
        self._timeout, self._total = timeout, total
        self._text = lru_cache(REMEMBERED)(self._asked_text)
        self._ids: dict[tuple[str, str], int] = {}

    def schema_by_id(self, schema_id: int) -> str:
        """The text of a schema.

        Raises:
            ContractError: the registry knows no such id, or it is no Avro schema, or one of absurd length.
            TransientError: it did not answer.
            OperatorError: it refuses us, or is no registry.
        """
        return self._text(schema_id)

    def forget(self) -> None:
        """Ask again for every schema: one of them did not fit, and the registry itself may have been wrong."""
        self._text.cache_clear()

    def _asked_text(self, schema_id: int) -> str:
        try:
            answer = self._call("GET", f"/schemas/ids/{schema_id}")
        except _TooLongError:  # no waiting makes it shorter, and whoever registered it could stop us with one message
            raise _too_long(schema_id) from None
        if answer is None:
            raise ContractError(
                f"schema id {schema_id} is unknown to the registry",
                hint="The producer uses another registry, or did not register.",
            )
        text = self._field(answer, "schema", str)
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise ContractError(f"schema id {schema_id} is no Avro schema", hint="Events are written in Avro.")
        if len(text) > MAX_TEXT:
            raise _too_long(schema_id)
        return text

    def find(self, subject: str, text: str) -> int | None:
        """The id under which ``subject`` holds this very schema, or None."""
        return self._id(subject, text, "")

    def look_up(self, subject: str, text: str) -> int:
        """The id under which ``subject`` holds this very schema.

        Raises:
            OperatorError: it is not registered.
        """
        found = self._id(subject, text, "")
        if found is None:
            raise OperatorError(
                f"the schema of {subject} is not registered",
                hint="Run `commerce-events schemas register`, or set COMMERCE_EVENTS['REGISTER_SCHEMAS'] = True "
                "where the service may register by itself.",
            )
        return found

    def register(self, subject: str, text: str) -> int:
        """Register a schema under ``subject``, or find it there.

        Raises:
            OperatorError: the registry holds an incompatible one, or refuses us.
        """
        made = self._id(subject, text, "/versions")
        if made is None:
            raise OperatorError(f"the registry has no place for subjects ({self.shown})", hint=_ADDRESS)
        return made

    def subjects(self) -> list[str]:
        """Every subject; of Apicurio the first thousand, by default."""
        return list(self._call("GET", "/subjects") or [])

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject; empty if there is none."""
        return list(self._call("GET", f"/subjects/{quote(subject, safe='')}/versions") or [])

    def version(self, subject: str, version: int) -> tuple[int, str]:
        """Id and text of one version of a subject."""
        answer = self._call("GET", f"/subjects/{quote(subject, safe='')}/versions/{version}")
        if answer is None:
            raise OperatorError(f"{subject} has no version {version}", hint="Somebody may have deleted it: ask again.")
        return self._field(answer, "id", int), self._field(answer, "schema", str)

    def _id(self, subject: str, text: str, path: str) -> int | None:
        known = self._ids.get((subject, text))
        if known is None:
            body = {"schema": text, "schemaType": "AVRO"}
            answer = self._call("POST", f"/subjects/{quote(subject, safe='')}{path}", body)
            if answer is None:
                return None
            known = self._ids[subject, text] = self._field(answer, "id", int)
        return known

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON; None where the registry says that it has no such thing."""
        try:
            status, content = self._exchange(method, path, body)
        except _TooLongError:
            raise
        except requests.RequestException as error:
            said = type(error).__name__
            raise TransientError(f"the schema registry at {self.shown} does not answer ({said})") from None
        if status == 429 or status >= 500:
            raise TransientError(f"the schema registry at {self.shown} answers {status}")
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if status == 404 and _is_verdict(answer):
            return None
        if status != 200:
            raise self._refusal(status, method, path)
        if answer is None:
            raise TransientError(f"the schema registry at {self.shown} answers something that is no JSON")
        return answer

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        """Status and content of the answer, within the deadline.

        In a thread of its own: the timeouts of a socket cover neither the resolution of names nor an answer that comes
        byte by byte. Calls are rare, so each has its own connection and no thread waits for another's.
        """
        outcome: list[tuple[int, bytes] | requests.RequestException] = []

        def call() -> None:
            try:
                outcome.append(self._request(method, path, body))
            except requests.RequestException as error:
                outcome.append(error)

        thread = threading.Thread(target=call, name="schema-registry", daemon=True)
        thread.start()
        thread.join(self._total)
        if not outcome:
            raise requests.ReadTimeout(f"no answer in {self._total} seconds")
        (found,) = outcome
        if isinstance(found, requests.RequestException):
            raise found
        return found

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        with requests.request(
            method, self.url + path, json=body, headers={"Accept": _ACCEPT}, auth=self._auth, verify=self._verify,
            cert=self._cert, timeout=self._timeout, allow_redirects=False, stream=True,
        ) as response:  # fmt: skip
            content = bytearray()
            for chunk in response.iter_content(16 * 1024):
                content += chunk
                if len(content) > MAX_ANSWER:
                    if response.status_code == 200:
                        said = f"the schema registry at {self.shown} answers with more than {MAX_ANSWER} bytes"
                        raise _TooLongError(said)
                    break
            return response.status_code, bytes(content)

    def _refusal(self, status: int, method: str, path: str) -> OperatorError:
        if status in {401, 403}:
            return OperatorError(
                f"the schema registry refuses {method} {path} ({status})",
                hint="Check EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY and _SECRET, and the permissions of that user.",
            )
        if status == 409:
            return OperatorError(
                f"the registry says that the schema is not compatible with an earlier one ({path})",
                hint="Somebody registered another schema under this subject: see `commerce-events schemas check`.",
            )
        if status == 422:
            return OperatorError(f"the registry takes the schema for none ({path})", hint="Compare it with schemas/.")
        return OperatorError(f"the schema registry at {self.shown} answers {status} to {method} {path}", hint=_ADDRESS)

    def _field[T](self, answer: Any, name: str, kind: type[T]) -> T:
        value = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(value, kind):
            raise TransientError(f"the schema registry at {self.shown} answers something else than expected")
        return value


class _TooLongError(requests.RequestException, TransientError):
    """Internal: an answer of absurd length."""


def _too_long(schema_id: int) -> ContractError:
    return ContractError(
        f"the schema of id {schema_id} is longer than {MAX_TEXT} characters", hint="Write with the .avsc of schemas/."
    )


def _is_verdict(answer: Any) -> bool:
    """A registry that has no such thing says so with a code (40401 subject, 40402 version, 40403 schema).

    A bare 404 comes from a wrong address. Were it taken for "unknown schema", every message would be set aside as
    unreadable.
    """
    code = answer.get("error_code") if isinstance(answer, dict) else None
    return isinstance(code, int) and 40400 <= code < 40500


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
