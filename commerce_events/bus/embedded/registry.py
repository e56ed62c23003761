"""A small schema registry that speaks the Confluent REST calls the clients of this world use.

For the embedded engine: it keeps schemas in memory (or in a file), numbers them, and answers on loopback. It checks
that an Avro schema can be parsed and nothing more: it says so where it is asked about compatibility, instead of
agreeing to everything. The gate for compatibility is ``commerce-events schemas --check``.
"""
from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fastavro
from fastavro.schema import SchemaParseException

LOOPBACK = "127.0.0.1"
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
LARGEST_BODY = 1 << 20


class Refusal(Exception):  # noqa: N818 – an answer, not a failure
    """An answer that is an error, with the codes Confluent's registry gives."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = code if code < 1000 else code // 100, code, message


class Schemas:
    """The schemas of a registry: one id per text, and per subject a list of versions.

    Arguments:
        state: file that keeps them over a restart.
    """

    def __init__(self, state: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._state = state
        self._texts: list[str] = []  # the text of id n stands at n - 1
        self._subjects: dict[str, list[int]] = {}
        if state is not None and state.exists():
            kept = json.loads(state.read_text(encoding="utf-8"))
            self._texts, self._subjects = kept["texts"], kept["subjects"]

    def register(self, subject: str, text: str) -> dict[str, Any]:
        """Add a schema to a subject, or find it there."""
        wanted = _canonical(text)
        with self._lock:
            number = self._number(wanted)
            if number is None:
                self._texts.append(text)
                number = len(self._texts)
            versions = self._subjects.setdefault(subject, [])
            if number not in versions:
                versions.append(number)
                self._keep()
            return self._row(subject, number)

    def look_up(self, subject: str, text: str) -> dict[str, Any]:
        """A schema that the subject has already."""
        wanted = _canonical(text)
        with self._lock:
            versions, number = self._versions(subject), self._number(wanted)
            if number not in versions:
                raise Refusal(40403, "Schema not found")
            return self._row(subject, number)

    def version(self, subject: str, version: str) -> dict[str, Any]:
        """A version of a subject, by number or ``latest``."""
        with self._lock:
            versions = self._versions(subject)
            if version in ("latest", "-1"):
                return self._row(subject, versions[-1])
            if not version.isdecimal():
                raise Refusal(42202, "The specified version is not a number, and not 'latest'")
            if not 1 <= int(version) <= len(versions):
                raise Refusal(40402, f"Version {version} not found")
            return self._row(subject, versions[int(version) - 1])

    def versions(self, subject: str) -> list[int]:
        """The version numbers of a subject."""
        with self._lock:
            return list(range(1, len(self._versions(subject)) + 1))

    def subjects(self) -> list[str]:
        """Every subject."""
        with self._lock:
            return sorted(self._subjects)

    def text(self, number: str) -> str:
        """The schema with an id."""
        with self._lock:
            if not number.isdecimal() or not 1 <= int(number) <= len(self._texts):
                raise Refusal(40403, "Schema not found")
            return self._texts[int(number) - 1]

    def uses(self, number: str) -> list[dict[str, Any]]:
        """Where the schema with an id is a version."""
        self.text(number)
        with self._lock:
            return [
                {"subject": subject, "version": numbers.index(int(number)) + 1}
                for subject, numbers in self._subjects.items()
                if int(number) in numbers
            ]

    def _number(self, wanted: str) -> int | None:
        return next((number for number, text in enumerate(self._texts, 1) if _canonical(text) == wanted), None)

    def _versions(self, subject: str) -> list[int]:
        if subject not in self._subjects:
            raise Refusal(40401, f"Subject '{subject}' not found")
        return self._subjects[subject]

    def _row(self, subject: str, number: int) -> dict[str, Any]:
        return {
            "subject": subject,
            "version": self._subjects[subject].index(number) + 1,
            "id": number,
            "guid": str(uuid.UUID(int=number)),
            "schemaType": "AVRO",
            "schema": self._texts[number - 1],
        }

    def _keep(self) -> None:
        if self._state is not None:
            fresh = self._state.with_suffix(".new")
            fresh.write_text(json.dumps({"texts": self._texts, "subjects": self._subjects}), encoding="utf-8")
            fresh.replace(self._state)  # whole or not at all


def _canonical(text: str) -> str:
    """What makes two texts one schema: their content, whatever the blanks and the order of attributes."""
    try:
        parsed = json.loads(text)
        fastavro.parse_schema(parsed, _write_hint=False)
    except (ValueError, TypeError, KeyError, AttributeError, SchemaParseException) as error:
        raise Refusal(42201, f"Invalid schema: {type(error).__name__}") from error
    return json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def answer(schemas: Schemas, topics: Callable[[], dict[str, str]], method: str, path: str, body: dict[str, Any]) -> Any:
    """What the registry says to one call, as it goes into JSON.

    Raises:
        Refusal: for the answers that are errors.
    """
    match (method, *(unquote(part) for part in urlsplit(path).path.strip("/").split("/"))):
        case ("GET", ""):
            return {}
        case ("GET", "subjects"):
            return schemas.subjects()
        case ("POST", "subjects", subject, "versions"):
            return schemas.register(subject, _avro(body))
        case ("POST", "subjects", subject):
            return schemas.look_up(subject, _avro(body))
        case ("GET", "subjects", subject, "versions"):
            return schemas.versions(subject)
        case ("GET", "subjects", subject, "versions", version):
            return schemas.version(subject, version)
        case ("GET", "subjects", subject, "versions", version, "schema"):
            return json.loads(schemas.version(subject, version)["schema"])
        case ("GET", "schemas", "types"):
            return ["AVRO"]
        case ("GET", "schemas", "ids", number):
            return {"schema": schemas.text(number), "schemaType": "AVRO"}
        case ("GET", "schemas", "ids", number, "schema"):
            return json.loads(schemas.text(number))
        case ("GET", "schemas", "ids", number, "versions"):
            return schemas.uses(number)
        case ("GET", "schemas", "ids", number, "subjects"):
            return sorted(use["subject"] for use in schemas.uses(number))
        case ("GET", "config", *_):
            return {"compatibilityLevel": "NONE"}
        case ("GET", "mode", *_):
            return {"mode": "READWRITE"}
        case ("GET", "incarnations"):
            return topics()
        case ("PUT", "config" | "mode", *_) | ("POST", "compatibility", *_):
            raise Refusal(501, "The embedded registry checks no compatibility; see: commerce-events schemas --check")
    # /associations above all, which confluent-kafka asks first, and takes a 404 for "none".
    raise Refusal(404, "HTTP 404 Not Found")


def _avro(body: dict[str, Any]) -> str:
    if body.get("schemaType", "AVRO") != "AVRO" or body.get("references"):
        raise Refusal(42201, "The embedded registry keeps Avro schemas without references")
    return str(body.get("schema", ""))


class RegistryServer:
    """The registry, listening on loopback from the moment it is made until :meth:`close`.

    Arguments:
        port: 0 for any.
        topics: what ``/incarnations`` answers; see :class:`~commerce_events.bus.embedded.cluster.Cluster`.
    """

    def __init__(
        self, port: int = 0, state: Path | None = None, topics: Callable[[], dict[str, str]] = dict[str, str]
    ) -> None:
        schemas = Schemas(state)

        class Call(_Call):
            def reply(self, body: dict[str, Any]) -> Any:
                return answer(schemas, topics, self.command, self.path, body)

        self._server = ThreadingHTTPServer((LOOPBACK, port), Call)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="registry", daemon=True).start()

    @property
    def url(self) -> str:
        """The base address for clients."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other
    timeout = 60

    def reply(self, body: dict[str, Any]) -> Any:
        raise Refusal(404, "HTTP 404 Not Found")

    def _serve(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST_BODY:
                self.close_connection = True
                raise Refusal(413, f"Larger than {LARGEST_BODY} bytes")
            try:
                body = json.loads(self.rfile.read(length) or "{}")
            except ValueError as error:
                raise Refusal(400, "The body is not JSON") from error
            status, said = 200, self.reply(body if isinstance(body, dict) else {})
        except Refusal as refusal:
            status, said = refusal.status, {"error_code": refusal.code, "message": refusal.message}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 – names the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 – the base class's name
        """Say nothing: nobody reads a line per call."""
