"""The schema registry, over the Confluent REST calls that every registry of this world answers.

Every call has a timeout, and what was learned once is never asked again: ids are never reused and a released schema
never changes, so a registry that is away stops nothing that has been seen before.
"""
from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote

import requests

from commerce_events.exceptions import ContractError, OperatorError, TransientError

CONNECT, READ = 3.05, 10.0


class Registry:
    """A client of one registry. Threads may share it.

    Arguments:
        url: base address; Apicurio's is ``http://HOST:8080/apis/ccompat/v7``.
        auth: user (API key) and password (secret).
        verify: CA bundle, or True for the system's.
        cert: client certificate, or certificate and key.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout: tuple[float, float] = (CONNECT, READ),
    ) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth, self._session.verify, self._session.cert = auth, verify, cert
        self._session.headers["Accept"] = "application/vnd.schemaregistry.v1+json, application/json"
        self._timeout = timeout
        self._lock = threading.Lock()
        self._texts: dict[int, str] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def schema_by_id(self, schema_id: int) -> str:
        """The text of a schema.

        Raises:
            ContractError: the registry knows no such id.
            TransientError: it did not answer.
            OperatorError: it refuses us.
        """
        if schema_id not in self._texts:
            answer = self._call("GET", f"/schemas/ids/{schema_id}")
            if answer is None:
                raise ContractError(
                    f"schema id {schema_id} is unknown to the registry",
                    hint="The producer uses another registry, or did not register.",
                )
            self._texts[schema_id] = str(answer["schema"])
        return self._texts[schema_id]

    def look_up(self, subject: str, text: str) -> int:
        """The id of a schema that is registered under ``subject``.

        Raises:
            OperatorError: it is not registered.
        """
        return self._id(subject, text, "")

    def register(self, subject: str, text: str) -> int:
        """Register a schema under ``subject``, or find it there."""
        return self._id(subject, text, "/versions")

    def subjects(self) -> list[str]:
        """Every subject."""
        return list(self._call("GET", "/subjects") or [])

    def versions(self, subject: str) -> list[int]:
        """The versions of a subject; empty if there is none."""
        return list(self._call("GET", f"/subjects/{quote(subject, safe='')}/versions") or [])

    def _id(self, subject: str, text: str, path: str) -> int:
        known = self._ids.get((subject, text))
        if known is None:
            body = {"schema": text, "schemaType": "AVRO"}
            answer = self._call("POST", f"/subjects/{quote(subject, safe='')}{path}", body)
            if answer is None:
                raise OperatorError(
                    f"the schema of {subject} is not registered",
                    hint="Run `commerce-events schemas register`, or set COMMERCE_EVENTS['REGISTER_SCHEMAS'] = True "
                    "where the service may register by itself.",
                )
            known = self._ids[subject, text] = int(answer["id"])
        return known

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON; None for 404."""
        try:
            with self._lock:
                response = self._session.request(method, self.url + path, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            said = type(error).__name__
            raise TransientError(f"the schema registry at {self.url} does not answer ({said})") from None
        status = response.status_code
        if status == 404:
            return None
        if status in {401, 403}:
            raise OperatorError(
                f"the schema registry refuses {method} {path} ({status})",
                hint="Check EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY and _SECRET, and the permissions of that user.",
            )
        if status == 409:
            raise OperatorError(
                f"the registry says that the schema is not compatible with an earlier one ({path})",
                hint="Somebody registered another schema under this subject: see `commerce-events schemas check`.",
            )
        if status == 429 or status >= 500:
            raise TransientError(f"the schema registry answers {status}")
        if status >= 400:
            raise OperatorError(
                f"the schema registry answers {status} to {method} {path}",
                hint="Is the address the one of its Confluent-compatible API?",
            )
        try:
            return response.json()
        except ValueError:
            raise TransientError("the schema registry answers something that is no JSON") from None
