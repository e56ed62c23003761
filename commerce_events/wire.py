"""Bytes on the wire: Avro in the Confluent framing, headers as CloudEvents. No Django, no Kafka client, no registry.

A value is one zero byte, the registry's four-byte schema id, and the Avro body. A body is decoded by the schema of its
*writer*, and that schema is hostile until it was looked at: see :func:`accept_writer`.
"""
from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any
from uuid import UUID

import attr
import fastavro
from fastavro.read import SchemaResolutionError

from commerce_events import data, topics
from commerce_events.exceptions import ContractError

Schema = dict[str, Any]

MAGIC = 0
HEADER_BYTES = 5
#: Deepest nesting of a writer's schema, and most fields of one of its records.
MAX_DEPTH, MAX_FIELDS = 12, 200


# ------------------------------------------------------------------------------------------------------------ schemas


@lru_cache(maxsize=64)
def schema_text(event_type: str) -> str:
    """The schema as it is registered: to the byte what the stock event bus makes of the same data classes."""
    return json.dumps(json.loads(_packaged(f"{_known(event_type).event_type}.avsc")), sort_keys=True)


@lru_cache(maxsize=64)
def schema(event_type: str) -> Schema:
    """The parsed schema of an event type."""
    parsed: Schema = fastavro.parse_schema(json.loads(schema_text(event_type)))  # type: ignore[assignment]
    return parsed


def _packaged(name: str) -> str:
    installed = resources.files("commerce_events") / "schemas" / name
    if installed.is_file():
        return installed.read_text()
    # a source checkout: schemas/ stands beside the package
    return (Path(__file__).resolve().parent.parent / "schemas" / name).read_text()


def _known(event_type: str) -> topics.EventType:
    try:
        return topics.EVENT_TYPES[event_type]
    except KeyError:
        raise ContractError(
            f"{event_type} is no event type of this contract", hint=f"Known are: {', '.join(topics.EVENT_TYPES)}."
        ) from None


# ------------------------------------------------------------------------------------------------------------- bodies


def encode(event_type: str, body: dict[str, Any]) -> bytes:
    """The Avro body of ``{"order": {...}}``. Validate before: Avro writes 1.5 as 1 and "false" as true."""
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, schema(event_type), body)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ContractError(
            f"cannot be written as Avro ({type(error).__name__})",
            path=_known(event_type).argument,
            hint="Run `commerce-events validate` on it: it names the field.",
        ) from None
    return out.getvalue()


def decode(event_type: str, body: bytes | memoryview, writer: Schema | None = None) -> dict[str, Any]:
    """Decode a body by its writer's schema; the whole buffer must be used.

    Arguments:
        event_type: a type of ours, or any other if ``writer`` is given.
        writer: what :func:`accept_writer` returned; None: our own schema.

    Raises:
        ContractError: the bytes are not what the schema says.
    """
    stream = io.BytesIO(body)
    ours = event_type in topics.EVENT_TYPES
    own = schema(event_type) if ours else None
    try:
        if writer is None or writer is own:
            decoded = fastavro.schemaless_reader(stream, own, None)  # type: ignore[arg-type]
        else:
            decoded = fastavro.schemaless_reader(stream, writer, own)
    except (EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError, SchemaResolutionError) as e:
        raise ContractError(
            f"the bytes do not follow their schema ({type(e).__name__})", hint="Was the body cut, or framed twice?"
        ) from None
    if stream.tell() != len(body):
        raise ContractError(
            f"{len(body) - stream.tell()} bytes are left over behind the body",
            hint="The schema id in the framing is not the one the body was written with.",
        )
    if not isinstance(decoded, dict):
        raise ContractError("the body is not a record")
    return decoded


def frame(schema_id: int, body: bytes) -> bytes:
    """The value of a Kafka message."""
    return b"\0" + schema_id.to_bytes(4, "big") + body


def unframe(value: bytes) -> tuple[int, bytes]:
    """Schema id and body of a value.

    Raises:
        ContractError: the value is not in the Confluent framing.
    """
    if len(value) <= HEADER_BYTES or value[0] != MAGIC:
        raise ContractError(
            "not in the Confluent wire format",
            hint="A value is a zero byte, four bytes of schema id (big-endian), then the Avro body.",
        )
    return int.from_bytes(value[1:HEADER_BYTES], "big"), value[HEADER_BYTES:]


# ------------------------------------------------------------------------------------------------- somebody's schema


def accept_writer(event_type: str, text: str) -> Schema:
    """Parse the schema a body was written with, if it is harmless and, for our own types, compatible.

    Harmless: no recursion, bounded depth and width, and no array or map whose items take no bytes – five bytes under
    such a schema can ask for hundreds of megabytes. Compatible: each field of ours that has no default is there, with
    our type.

    Returns:
        Our own parsed schema where the two are the same, so that the fast path can tell.

    Raises:
        ContractError: it is neither.
    """
    try:
        raw = json.loads(text)
        own = schema(event_type) if event_type in topics.EVENT_TYPES else None
        if own is not None and raw == json.loads(schema_text(event_type)):
            return own
        _harmless(raw, (), 0)
        parsed: Schema = fastavro.parse_schema(raw)  # type: ignore[assignment]
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"the writer's schema cannot be parsed ({type(error).__name__})") from None
    if own is not None:
        _compatible(json.loads(schema_text(event_type)), raw, "")
    return parsed


def _harmless(node: Any, within: tuple[str, ...], depth: int) -> int:
    """Check a schema; returns the least number of bytes one value of it takes."""
    if depth > MAX_DEPTH:
        raise ContractError("the writer's schema is nested too deeply")
    if isinstance(node, list):
        return 1 + min((_harmless(branch, within, depth + 1) for branch in node), default=0)
    if isinstance(node, str):
        node = {"type": node}
    kind = node.get("type")
    if isinstance(kind, dict | list):
        return _harmless(kind, within, depth + 1)
    if kind in {"array", "map"}:
        item = node["items"] if kind == "array" else node["values"]
        least = _harmless(item, within, depth + 1) + (1 if kind == "map" else 0)
        if least == 0:
            raise ContractError("the writer's schema has lists whose items take no bytes")
        return 1
    if kind in {"record", "error"}:
        name = str(node.get("name"))
        fields = node.get("fields", [])
        if name in within or len(fields) > MAX_FIELDS:
            raise ContractError("the writer's schema is recursive or too wide")
        return sum(_harmless(field["type"], (*within, name), depth + 1) for field in fields)
    if kind == "fixed":
        return int(node["size"])
    least_bytes = {"null": 0, "float": 4, "double": 8}
    if kind in {"null", "boolean", "int", "long", "float", "double", "bytes", "string", "enum"}:
        return least_bytes.get(kind, 1)
    if str(kind) in within:
        raise ContractError("the writer's schema is recursive")
    return 0  # a name defined elsewhere: checked there, and counted as nothing here


def _compatible(ours: Any, theirs: Any, path: str) -> None:
    ours, theirs = _record(ours), _record(theirs)
    if ours is None or theirs is None:
        return
    fields = {field["name"]: field for field in theirs["fields"]}
    for field in ours["fields"]:
        here = f"{path}.{field['name']}".lstrip(".")
        other = fields.get(field["name"])
        if other is None:
            if "default" not in field:
                raise ContractError("missing in the writer's schema", path=here, hint="Use the .avsc of schemas/.")
            continue
        _compatible(field["type"], other["type"], here)


def _record(node: Any) -> dict[str, Any] | None:
    if isinstance(node, list):
        return next((found for branch in node if (found := _record(branch))), None)
    if isinstance(node, dict):
        if node.get("type") == "record":
            return node
        if node.get("type") == "array":
            return _record(node["items"])
        if isinstance(node.get("type"), dict | list):
            return _record(node["type"])
    return None


# ------------------------------------------------------------------------------------------------------------ headers


@lru_cache(maxsize=1)
def _sender() -> tuple[bytes, bytes]:
    try:
        library = metadata.version("openedx-events")
    except metadata.PackageNotFoundError:
        library = "0.0.0"  # a store without Django; readers want three numbers
    return socket.gethostname().encode(), library.encode()


def headers(
    event_type: str, message_id: UUID, time: datetime, source: str, trace: str | None = None
) -> list[tuple[str, bytes]]:
    """The headers of a message, those of edx-event-bus-kafka: by name, form and number.

    Arguments:
        source: ``openedx/<service>/web`` for a Django service; a store's own URI elsewhere.
        trace: W3C ``traceparent``, optional.
    """
    host, library = _sender()
    made = [
        (topics.HEADER_TYPE, event_type.encode()),
        (topics.HEADER_ID, str(message_id).encode()),
        (topics.HEADER_SOURCE, source.encode()),
        (topics.HEADER_SPEC_VERSION, b"1.0"),
        (topics.HEADER_TIME, time.isoformat().encode()),
        (topics.HEADER_MINOR_VERSION, b"0"),
        (topics.HEADER_SOURCE_HOST, host),
        (topics.HEADER_SOURCE_LIB, library),
        (topics.HEADER_CONTENT_TYPE, b"application/avro"),
        (topics.HEADER_DATA_CONTENT_TYPE, b"application/avro"),
    ]
    if trace:
        made.append((topics.HEADER_TRACE, trace.encode()))
    return made


# ------------------------------------------------------------------------------------------------ objects and dicts


def moment(value: datetime) -> str:
    """A time on the wire: UTC, always six digits, always ``+00:00`` – so that sorting as text is sorting by time."""
    if value.tzinfo is None:
        raise ContractError("a time without a zone", hint="Use datetime.now(timezone.utc).")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def to_dict(event: Any) -> dict[str, Any]:
    """An attrs object of ``data.py`` as it goes into :func:`encode`, below its top-level argument."""
    return {field.name: _plain(getattr(event, field.name)) for field in attr.fields(type(event))}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, UUID):
        return str(value)
    if attr.has(type(value)):
        return to_dict(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def from_dict(event_type: str, body: dict[str, Any]) -> Any:
    """The attrs object of a decoded body, ``{"order": {...}}``."""
    known = _known(event_type)
    return _object(getattr(data, known.data_class), body[known.argument])


def _object(cls: Any, values: dict[str, Any]) -> Any:
    return cls(**{field.name: _typed(field.type, values.get(field.name)) for field in attr.fields(cls)})


def _typed(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is UUID:
        return UUID(value)
    if attr.has(kind):
        return _object(kind, value)
    arguments: Iterable[Any] = getattr(kind, "__args__", ())
    for item in arguments:
        return [_typed(item, each) for each in value]
    return value
