"""From a Kafka message to an event, or to the reason why it is none; and from an outbox row to a Kafka message.

Decoding trusts nothing: size before anything else, the writer's schema against what we released, the whole buffer, then
the contract's semantic checks. What fails is *poison*: set aside with its bytes. What fails because the registry is
away is not the message's fault and raises ``TransientError``: the intake waits.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from commerce_events import identity, topics, wire
from commerce_events.bus import kafka
from commerce_events.bus.kafka import Record
from commerce_events.exceptions import CommerceEventsError, ContractError, PermanentError, TransientError
from commerce_events.registry import Registry
from commerce_events.validation import validate

#: Schemas of writers that are remembered.
WRITERS = 128
#: Seconds between two schemas that do not fit and make us ask the registry again.
DOUBT = 10.0
#: Bytes of one that are set aside at most, of key, headers and value each: a database takes no statement of any length,
#: and one that it refuses would hold up everything behind it. What is longer stands on the topic, at its offset.
KEPT = 2 << 20


@dataclass(slots=True)
class Received:
    """One decoded event and where it was read. ``data`` is the body below its only top-level argument."""

    topic: str
    partition: int
    offset: int
    event_type: str
    key: str
    data: dict[str, Any]
    payload: bytes
    digest: bytes
    stream_digest: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Poison:
    """A message that is no event: its bytes, and why. ``readable`` holds the ids of one whose content is at fault."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    headers: str = ""
    readable: dict[str, Any] | None = None


class Decoder:
    """Turns messages into events. One per intake; remembers the schemas of the last writers (ids are never reused)."""

    def __init__(
        self, registry: Registry, handled: Collection[str], max_bytes: int, own_topics: Mapping[str, str] | None = None
    ) -> None:
        self._registry = registry
        self._own_topics = dict(own_topics or {})
        self._owned = frozenset(self._own_topics.values())
        self._handled = frozenset(handled)
        self._max_bytes = max_bytes
        # bounded: whoever may register schemas could have us remember one for every message
        self._writer = lru_cache(WRITERS)(self._asked_writer)
        # a batch that cannot be stored now is decoded again, and these messages' headers must not be asked for twice
        self._doubted = float("-inf")
        self._without_headers: set[tuple[str, int, int]] = set()

    def decode(self, message: Record) -> Received | Poison | None:
        """The event in ``message``; None for a type of somebody else's that nothing here handles.

        Raises:
            TransientError: the registry did not answer.
        """
        try:
            raw = self._headers(message)
        except kafka.UnreadableHeadersError as error:
            return Poison(
                message.topic(), message.partition(), message.offset(), "undecodable", str(error),
                _kept(message.key()), _kept(message.value()), "[]",
            )  # fmt: skip
        value = message.value()
        headers = {name: content for name, content in raw if content is not None}
        event_type = headers.get("ce_type", b"").decode("utf-8", "replace")
        try:
            if value is None:
                raise _RefusedError("tombstone", "a message without a value: nothing in the contract deletes events")
            if not event_type:
                raise _RefusedError("no_type", "the header ce_type is missing")
            if event_type not in self._handled:
                if event_type in topics.EVENT_TYPES or message.topic().endswith(topics.ORDER_TOPIC):
                    raise _RefusedError("unknown_type", f"nothing here handles {event_type[:200]}")
                return None
            beside = len(message.key() or b"") + sum(len(name) + len(content or b"") for name, content in raw)
            if max(len(value), beside) > self._max_bytes:
                said = f"{len(value)} bytes, and {beside} of key and headers; the limit is {self._max_bytes}"
                raise _RefusedError("too_large", said)
            return self._event(message, event_type, value, headers)
        except _RefusedError as refused:
            reason, detail, readable = refused.reason, refused.detail, refused.readable
        except ContractError as error:
            reason, detail, readable = "undecodable", str(error), None
        return Poison(
            message.topic(), message.partition(), message.offset(), reason, _storable(detail)[:500],
            _kept(message.key()), _kept(value), _kept_headers(raw), readable,
        )  # fmt: skip

    def _headers(self, message: Record) -> list[tuple[str, bytes | None]]:
        if self._without_headers and (message.topic(), message.partition(), message.offset()) in self._without_headers:
            raise kafka.UnreadableHeadersError
        try:
            return kafka.headers(message)
        except kafka.UnreadableHeadersError:
            self._without_headers.add((message.topic(), message.partition(), message.offset()))
            raise

    def _event(self, message: Record, event_type: str, value: bytes, headers: dict[str, bytes]) -> Received:
        schema_id, body = wire.unframe(value)
        writer = self._writer(event_type, schema_id)
        ours = topics.EVENT_TYPES.get(event_type)
        if ours is None:
            return self._foreign(message, event_type, writer, body, headers)
        decoded = wire.decode(event_type, body, writer)
        data = decoded[ours.argument]
        self._refuse_impostor(message.topic(), data)
        try:
            validate(event_type, decoded)
        except ContractError as error:
            raise _RefusedError("schema_invalid", str(error), {"event_type": event_type, **_ids(data)}) from error
        key = data["order_key"]
        return Received(
            message.topic(), message.partition(), message.offset(), event_type, key, data, orjson.dumps(data),
            identity.event_digest(event_type, decoded), identity.stream_digest(topics.ORDER_TOPIC, key),
        )  # fmt: skip

    def _refuse_impostor(self, topic: str, data: dict[str, Any]) -> None:
        """Who has a topic of its own is believed there alone, and nobody else is. Asked before the contract is: what
        breaks it is answered, and nobody may have another store's order answered.
        """
        for source in (data.get("source"), str(data.get("order_key")).partition(":")[0]):
            own = self._own_topics.get(str(source))
            if own != topic and (own is not None or topic in self._owned):
                raise _RefusedError("wrong_topic", f"{str(source)[:64]} does not publish on this topic")

    def _asked_writer(self, event_type: str, schema_id: int) -> Any:
        try:
            text = self._registry.schema_by_id(schema_id)
        except TransientError:
            raise
        except PermanentError as error:
            raise _RefusedError("unknown_schema", f"schema id {schema_id}: {error}") from error
        try:
            return wire.accept_writer(event_type, text)
        except ContractError:
            self._doubt()
            raise

    def _doubt(self) -> None:
        """The registry may have been wrong, and whatever comes with this id would be set aside until the next start.

        Not for each such message: they may be many, and rightly refused.
        """
        now = time.monotonic()
        if now - self._doubted > DOUBT:
            self._doubted = now
            self._registry.forget()

    def _foreign(
        self, message: Record, event_type: str, writer: Any, body: bytes, headers: dict[str, bytes]
    ) -> Received:
        """An Open edX event that is not ours: its identity is ``ce_id``, its stream the message's key."""
        ce_id = headers.get("ce_id", b"").decode("utf-8", "replace")
        if not ce_id:
            raise _RefusedError("no_id", "the header ce_id is missing, and nothing else tells this event from another")
        data = wire.decode(event_type, body, writer)
        key = (message.key() or b"").hex()[:255]
        topic = message.topic()
        return Received(
            topic, message.partition(), message.offset(), event_type, key, data, orjson.dumps(data),
            identity.foreign_digest(event_type, ce_id), identity.stream_digest(topic, key),
            {name: content.decode("utf-8", "replace") for name, content in headers.items()},
        )  # fmt: skip


class Encoder:
    """Frames outbox bodies with the registry's id of their schema. Ids are asked once per subject, then remembered."""

    def __init__(self, registry: Registry, register: bool) -> None:
        self._registry, self._register = registry, register
        self._ids: dict[tuple[str, str], int] = {}

    def value(self, full_topic: str, event_type: str, body: bytes, schema_text: str | None = None) -> bytes:
        """The bytes that go onto the topic.

        Raises:
            TransientError: the registry did not answer.
            OperatorError: the schema is not registered, and ``REGISTER_SCHEMAS`` is off.
        """
        schema_id = self._ids.get((full_topic, event_type))
        if schema_id is None:
            subject = topics.subject(full_topic, event_type)
            text = schema_text or wire.schema_text(event_type)
            ask = self._registry.register if self._register else self._registry.look_up
            schema_id = self._ids[full_topic, event_type] = ask(subject, text)
        return wire.frame(schema_id, body)


class _RefusedError(CommerceEventsError):
    """Internal: this message is poison, and why."""

    def __init__(self, reason: str, detail: str, readable: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.readable = reason, detail, readable


def _storable(text: str) -> str:
    """PostgreSQL refuses NUL in texts; a message that is poison must not poison the row it is set aside in."""
    return text.replace("\0", "\\0")


def _kept(content: bytes | None) -> bytes | None:
    return content if content is None or len(content) <= KEPT else content[:KEPT]


def _kept_headers(raw: list[tuple[str, bytes | None]]) -> str:
    """Headers as they came, those that have room."""
    kept, room = [], KEPT // 6  # what is no text, or must be escaped, takes up to six times its bytes
    for name, content in raw:
        room -= len(name) + len(content or b"")
        if room >= 0:
            kept.append([name, _header(content)])
    return orjson.dumps(kept).decode()


def _header(content: bytes | None) -> str | dict[str, str] | None:
    """A header of a message that is set aside: nothing of it may be lost, so what is no text is kept as hex."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"hex": content.hex()}


def _ids(data: dict[str, Any]) -> dict[str, Any]:
    """What can be said about an order whose event breaks the contract: its ids, if they are whole."""
    known = {name: data.get(name) for name in ("source", "order_id", "order_key", "order_number", "refund_id")}
    lines = data.get("lines") or []
    known["lines"] = [line["line_id"] for line in lines if isinstance(line, dict) and line.get("line_id")][:1000]
    return known
