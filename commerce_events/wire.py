"""Bytes on the wire: Avro in the Confluent framing, headers as CloudEvents. No Django, no Kafka client, no registry.

A value is one zero byte, the registry's four-byte schema id, and the Avro body; the key is the plain text of
``order_key``. A store in Python needs no more than this::

    body = {"order": wire.to_dict(OrderData(...))}
    validate(ORDER_PAID_TYPE, body)
    value = wire.frame(schema_id, wire.encode(ORDER_PAID_TYPE, body))

and a reader the way back: :func:`unframe`, :func:`accept_writer` on the schema of that id, :func:`decode`.
"""
from __future__ import annotations

import io
import re
import socket
from datetime import datetime
from functools import cache, lru_cache
from importlib import metadata
from typing import Any
from uuid import UUID

import fastavro
from fastavro.read import SchemaResolutionError

from commerce_events import compiled, topics, weight
from commerce_events.avsc import Schema, known, schema, schema_text
from commerce_events.compiled import Read, Write
from commerce_events.exceptions import ContractError
from commerce_events.objects import from_dict, moment, to_dict
from commerce_events.writers import accept_writer

__all__ = [
    "HEADER_BYTES", "MAGIC", "MAX_VALUE_BYTES", "Schema", "accept_writer", "decode", "encode", "frame", "from_dict",
    "headers", "moment", "schema", "schema_text", "to_dict", "unframe",
]  # fmt: skip

MAGIC = 0
HEADER_BYTES = 5
#: Largest value that is written: what Kafka's brokers take by default, keys and headers aside.
MAX_VALUE_BYTES = 1 << 20

#: What fastavro raises when bytes do not follow their schema. (UnicodeDecodeError is a ValueError.)
_UNREADABLE = (
    EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError, SchemaResolutionError,
)  # fmt: skip


def encode(event_type: str, body: dict[str, Any]) -> bytes:
    """The Avro body of ``{"order": {...}}``. Validate before: Avro writes 1.5 as 1 and "false" as true.

    Raises:
        ContractError: the body does not fit the schema, or is too large to send.
    """
    written = _compiled_writer(event_type)(body)
    if written is None:
        written = _encode(event_type, body)
    if len(written) + HEADER_BYTES > MAX_VALUE_BYTES:
        raise ContractError(
            f"{len(written)} bytes are too many, the limit is {MAX_VALUE_BYTES}",
            path=known(event_type).argument,
            hint="Split the order's lines over several events of the same order.",
        )
    return written


def _encode(event_type: str, body: dict[str, Any]) -> bytes:
    """The general path of :func:`encode`, which says what is wrong."""
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, schema(event_type), body)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ContractError(
            f"cannot be written as Avro ({type(error).__name__})",
            path=known(event_type).argument,
            hint="Run `commerce-events validate` on it: it names the field.",
        ) from None
    return out.getvalue()


@cache
def _compiled_writer(event_type: str) -> Write:
    return compiled.writer(schema(event_type))


@cache
def _compiled_reader(event_type: str) -> Read:
    return compiled.reader(schema(event_type))


def decode(event_type: str, body: bytes | memoryview, writer: Schema | None = None) -> dict[str, Any]:
    """Decode a body by its writer's schema; the whole buffer must be used.

    What comes back fits the schema and no more: it is still to be validated.

    Arguments:
        event_type: a type of ours, or any other if ``writer`` is given.
        body: Avro without the framing, as :func:`unframe` returns it.
        writer: what :func:`accept_writer` returned; None: our own schema.

    Returns:
        The dictionary that :func:`encode` takes, ``{"order": {...}}``.

    Raises:
        ContractError: the bytes are not what the schema says.
    """
    own = schema(event_type) if event_type in topics.EVENT_TYPES or writer is None else None
    plain = writer is None or writer is own
    if weight.is_too_heavy(own if plain else writer, body):  # type: ignore[arg-type]
        raise ContractError(
            f"more than {weight.MAX_VALUES} values", hint="Split the order's lines over several events of the order."
        )
    if plain and (read := _compiled_reader(event_type)(body)) is not None:  # type: ignore[arg-type]
        return read
    stream = io.BytesIO(body)
    written_as, read_as = (own, None) if plain else (writer, own)
    try:
        decoded = fastavro.schemaless_reader(stream, written_as, read_as)  # type: ignore[arg-type]
    except _UNREADABLE as error:
        raise ContractError(
            f"the bytes do not follow their schema ({type(error).__name__})",
            hint="Was the body cut, framed twice, or written with another schema than the framing names?",
        ) from None
    left = len(body) - stream.tell()
    if left:
        raise ContractError(
            f"{left} bytes are left over behind the body",
            hint="The schema id in the framing is not the one the body was written with.",
        )
    if not isinstance(decoded, dict):
        raise ContractError("the body is not a record")
    return decoded


def frame(schema_id: int, body: bytes) -> bytes:
    """The value of a Kafka message: a zero byte, four bytes of schema id (big-endian), the Avro body."""
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


@lru_cache(maxsize=1)
def _sender() -> tuple[bytes, bytes]:
    try:
        library = metadata.version("openedx-events")
    except metadata.PackageNotFoundError:
        library = "0.0.0"  # a store without Django; readers want three numbers
    numbers = [*re.findall(r"\d+", library), "0", "0", "0"][:3]
    return socket.gethostname().encode(), ".".join(numbers).encode()


@lru_cache(maxsize=64)  # the messages of one transaction have all of this in common
def _steady(
    event_type: str, time: datetime, source: str, host: bytes, library: bytes
) -> tuple[tuple[str, bytes], list[tuple[str, bytes]]]:
    """The first header, and those behind the id."""
    return (topics.HEADER_TYPE, event_type.encode()), [
        (topics.HEADER_SOURCE, source.encode()),
        (topics.HEADER_SPEC_VERSION, b"1.0"),
        (topics.HEADER_TIME, moment(time).encode()),
        (topics.HEADER_MINOR_VERSION, b"0"),
        (topics.HEADER_SOURCE_HOST, host),
        (topics.HEADER_SOURCE_LIB, library),
        (topics.HEADER_CONTENT_TYPE, topics.CONTENT_TYPE.encode()),
        (topics.HEADER_DATA_CONTENT_TYPE, topics.CONTENT_TYPE.encode()),
    ]


def headers(
    event_type: str, message_id: UUID | str, time: datetime, source: str, trace: str | None = None
) -> list[tuple[str, bytes]]:
    """The headers of a message, those of edx-event-bus-kafka: by name, form and number.

    Arguments:
        event_type: as in the catalogue, ``org.openedx.commerce.….v1``, or a type of the site's own.
        message_id: new with each send; a result's own id.
        time: when it happened; written with six digits, where the stock bus drops a fraction of zero.
        source: ``openedx/<service>/web`` for a Django service; a store's own URI elsewhere.
        trace: W3C ``traceparent``, optional.
    """
    head, tail = _steady(event_type, time, source, *_sender())
    made = [head, (topics.HEADER_ID, str(message_id).encode()), *tail]
    if trace:
        made.append((topics.HEADER_TRACE, trace.encode()))
    return made
