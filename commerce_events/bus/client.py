"""A store's own producer, without Django: what ``publish`` returns from is on the broker, what is not there raises.

    >>> with StoreClient("localhost:9092", "http://localhost:8081", prefix="prod") as client:   # doctest: +SKIP
    ...     client.publish(ORDER_PAID_TYPE, {"order": {...}})
    Placed(topic='prod-commerce-order-lifecycle', partition=3, offset=17)

A store with a database of its own should rather write an outbox in the transaction of the order; a process that dies
between its commit and ``publish`` loses the event, and only the store's sweep finds it.
"""
from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException, Producer

from commerce_events import topics, wire
from commerce_events.exceptions import ContractError, TransientError
from commerce_events.registry import Registry
from commerce_events.validation import validate


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the broker keeps a message."""

    topic: str
    partition: int
    offset: int


class StoreClient:
    """Publishes order events.

    Arguments:
        kafka: any librdkafka settings: security, compression.
        source: ``ce_source``, a URI of the service.
        register: register missing schemas; in production a command does it once.
        timeout: seconds until an unanswered publish raises.
    """

    def __init__(
        self, bootstrap: str, registry_url: str, *, prefix: str = "", kafka: Mapping[str, Any] | None = None,
        registry_auth: tuple[str, str] | None = None, source: str = "commerce-events/client", register: bool = False,
        timeout: float = 30.0,
    ) -> None:  # fmt: skip
        self.prefix, self.source, self.register, self.timeout = prefix, source, register, timeout
        self.registry = Registry(registry_url, auth=registry_auth)
        self._ids: dict[str, int] = {}
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random",
            "log.connection.close": False, "linger.ms": 5, "message.timeout.ms": int(timeout * 1000), "allow.auto.create.topics": False,
            **(kafka or {}),
        })  # fmt: skip

    def publish(self, event_type: str, body: Mapping[str, Any], message_id: uuid.UUID | None = None) -> Placed:
        """Publish one event and wait for the broker's word.

        Arguments:
            body: ``{"order": {...}}``, as dictionaries; ``wire.to_dict`` makes them of the attrs objects.

        Raises:
            ContractError: the event breaks the contract; nothing was sent.
            TransientError: broker or registry did not answer in time; it may or may not have arrived. Publish it again:
                the same content is recognised.
        """
        known = topics.EVENT_TYPES.get(event_type)
        if known is None:
            raise ContractError(f"{event_type} is no event type of this contract")
        validate(event_type, dict(body))
        topic = topics.full_topic(known.topic, self.prefix)
        value = wire.frame(self._schema_id(topic, event_type), wire.encode(event_type, dict(body)))
        headers = wire.headers(event_type, message_id or uuid.uuid4(), datetime.now(UTC), self.source)
        reports: list[tuple[Any, Any]] = []
        self._producer.produce(
            topic, key=body[known.argument]["order_key"].encode(), value=value, headers=headers,  # type: ignore[arg-type]
            on_delivery=lambda error, message: reports.append((error, message)),
        )  # fmt: skip
        deadline = time.monotonic() + self.timeout + 1
        while not reports and time.monotonic() < deadline:
            self._producer.poll(0.1)
        error, message = reports[0] if reports else ("no answer in time", None)
        if error is not None or message is None:
            raise TransientError(f"not acknowledged by the broker: {error}")
        return Placed(topic, message.partition(), message.offset())

    def _schema_id(self, topic: str, event_type: str) -> int:
        if event_type not in self._ids:
            ask = self.registry.register if self.register else self.registry.look_up
            self._ids[event_type] = ask(topics.subject(topic, event_type), wire.schema_text(event_type))
        return self._ids[event_type]

    def close(self) -> None:
        """Wait for what is under way."""
        left = self._producer.flush(self.timeout)
        if left:
            raise TransientError(f"{left} messages were not acknowledged by the broker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            self.close()
        except (TransientError, KafkaException):
            if kind is None:
                raise


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: murmur2 over its UTF-8 bytes, as Java's default partitioner has it."""
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    mixer, mask = 0x5BD1E995, 0xFFFFFFFF
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * mixer & mask
        k = (k ^ (k >> 24)) * mixer & mask
        value = (value * mixer & mask) ^ k
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * mixer & mask
    value = (value ^ (value >> 13)) * mixer & mask
    return value ^ (value >> 15)
