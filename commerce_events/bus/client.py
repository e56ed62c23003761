"""A store's own producer, without Django: what ``publish`` returns from is on the broker, what is not there raises.

    >>> with StoreClient("localhost:9092", "http://localhost:8081", prefix="prod") as client:   # doctest: +SKIP
    ...     client.publish_order_paid(OrderData(...))
    Placed(topic='prod-commerce-order-lifecycle', partition=3, offset=17)

A store with a database of its own should rather write an outbox in the transaction of the order; a process that dies
between its commit and ``publish`` loses the event, and only the store's sweep finds it.
"""
from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from confluent_kafka import KafkaError, KafkaException, Producer

from commerce_events import topics, wire
from commerce_events.avsc import known
from commerce_events.bus.access import SILENCE
from commerce_events.bus.closing import retire
from commerce_events.bus.kafka import made
from commerce_events.bus.partitions import partition_of
from commerce_events.bus.refusals import Troubles, remedy
from commerce_events.bus.seldom import log
from commerce_events.data import OrderData, RefundData
from commerce_events.exceptions import CommerceEventsError, ContractError, OperatorError, TransientError
from commerce_events.objects import body as body_of
from commerce_events.registry import Registry
from commerce_events.validation import validate

__all__ = ["Placed", "StoreClient", "partition_of"]

#: What makes an acknowledged event a safe one; no setting of the caller's goes over it.
SAFE = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "allow.auto.create.topics": False,
    "topic.metadata.propagation.max.ms": 5000,  # a topic that is not there is told soon
    "log.connection.close": False,
}
#: An address of a broker: a name or number, and usually a port.
_BROKER = re.compile(r"([A-Za-z_]+://)?(\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\],]+)(:[0-9]{1,5})?")
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}
#: After these the next call has a new producer. An idempotent one that lost its place never sends again; and one whose
#: messages time out may be asking the former leader of a topic that was made anew (confluentinc/librdkafka#4898).
_USELESS = {KafkaError._FATAL, KafkaError._MSG_TIMED_OUT}

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the broker keeps a message."""

    topic: str
    partition: int
    offset: int


class StoreClient:
    """Publishes order events. Threads may share one; a process that forks makes one in each child.

    Arguments:
        bootstrap: Kafka's ``host:port``, several with commas.
        registry_url: the registry's Confluent-compatible API.
        prefix: of the topics; ask the operator of the LMS.
        kafka: any librdkafka settings: security, compression. Those of :data:`SAFE` cannot be changed.
        registry_auth: user (API key) and password (secret).
        source: ``ce_source``, a URI of the service.
        register: register missing schemas; in production a command does it once.
        timeout: seconds until an unanswered publish raises.

    Raises:
        OperatorError: an address or a setting cannot be right, and no waiting would heal it.
    """

    def __init__(
        self, bootstrap: str, registry_url: str, *, prefix: str = "", kafka: Mapping[str, Any] | None = None,
        registry_auth: tuple[str, str] | None = None, source: str = "commerce-events/client", register: bool = False,
        timeout: float = 30.0,
    ) -> None:  # fmt: skip
        _check_addresses(bootstrap, registry_url)
        self.prefix, self.source, self.register, self.timeout = prefix, source, register, timeout
        self.registry = Registry(registry_url, auth=registry_auth)
        self._ids: dict[str, int] = {}
        self._troubles = Troubles()
        self._config = {
            # nobody is served by waiting for company: who publishes waits for the answer
            "linger.ms": 0, **SILENCE, **(kafka or {}), "bootstrap.servers": bootstrap, **SAFE,
            "message.timeout.ms": max(1, int(timeout * 1000)), "error_cb": self._troubles,
        }  # fmt: skip
        self._producer = self._connected()

    def publish_order_paid(self, order: OrderData | Body) -> Placed:
        """Publish that an order was paid. See :meth:`publish`.

        Arguments:
            order: the object, its fields as a dictionary, or a body ``{"order": {...}}``.
        """
        return self.publish(topics.ORDER_PAID_TYPE, body_of("order", order))

    def publish_order_refunded(self, refund: RefundData | Body) -> Placed:
        """Publish that some or all of an order was reversed. See :meth:`publish`.

        Arguments:
            refund: the object, its fields as a dictionary, or a body ``{"refund": {...}}``.
        """
        return self.publish(topics.ORDER_REFUNDED_TYPE, body_of("refund", refund))

    def publish(self, event_type: str, body: Body, message_id: uuid.UUID | None = None) -> Placed:
        """Publish one event and wait for the broker's word.

        Arguments:
            body: ``{"order": {...}}``, as dictionaries; ``wire.to_dict`` makes them of the attrs objects.

        Raises:
            ContractError: the event breaks the contract, or is larger than the broker takes; nothing was sent.
            TransientError: broker or registry did not answer in time; it may or may not have arrived. Publish it again:
                the same content is recognised.
            OperatorError: no such topic, no permission, or the schema is not registered; the hint says what to do.
        """
        row = known(event_type)
        content = dict(body)
        validate(event_type, content)
        topic = topics.full_topic(row.topic, self.prefix)
        value = wire.frame(self._schema_id(topic, event_type), wire.encode(event_type, content))
        headers = wire.headers(event_type, message_id or uuid.uuid4(), datetime.now(UTC), self.source)
        return self._send(topic, content[row.argument]["order_key"].encode(), value, headers)

    def close(self) -> None:
        """Wait for what is under way.

        Raises:
            TransientError: it was not acknowledged in time.
        """
        try:
            left = self._producer.flush(self.timeout)
        except KafkaException as error:
            raise TransientError(f"not acknowledged by the broker: {error.args[0].str()}") from error
        if left:
            raise TransientError(f"{left} messages were not acknowledged by the broker")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            self.close()
        except TransientError:
            if kind is None:
                raise

    def _connected(self) -> Producer:
        return made(Producer, {**self._config, "logger": log})

    def _send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Placed:
        reports: list[tuple[KafkaError | None, Any]] = []
        producer = self._producer
        self._troubles.refusal = None
        try:
            producer.produce(
                topic, key=key, value=value, headers=headers,  # type: ignore[arg-type]
                on_delivery=lambda error, message: reports.append((error, message)),
            )  # fmt: skip
            deadline = time.monotonic() + self.timeout + 1
            while not reports and time.monotonic() < deadline:
                producer.poll(0.05)
        except BufferError:
            raise TransientError("the queue of the Kafka client is full: the broker takes nothing") from None
        except KafkaException as error:  # what makes a producer useless is raised by any call, and may come first
            raise self._failure(error.args[0], topic, producer) from error
        if not reports:
            raise TransientError("not acknowledged by the broker: no answer in time")
        failed, message = reports[0]
        if failed is not None:
            raise self._failure(failed, topic, producer)
        return Placed(topic, message.partition(), message.offset())

    def _failure(self, error: KafkaError, topic: str, producer: Producer) -> CommerceEventsError:
        if (error.fatal() or error.code() in _USELESS) and producer is self._producer:  # one of several threads does it
            self._producer = self._connected()
            retire(producer, self.timeout + 2)  # who still publishes by it has heard by then
        if error.code() in _TOO_LARGE:
            return ContractError(f"larger than the broker takes: {error.str()}", hint="Ask for max.message.bytes.")
        cause = error if remedy(error) else self._troubles.refusal
        if cause is not None:
            return OperatorError(f"the broker refuses {topic}: {cause.str()}", hint=remedy(cause))
        return TransientError(f"not acknowledged by the broker: {error.str()}")

    def _schema_id(self, topic: str, event_type: str) -> int:
        if event_type not in self._ids:
            ask = self.registry.register if self.register else self.registry.look_up
            self._ids[event_type] = ask(topics.subject(topic, event_type), wire.schema_text(event_type))
        return self._ids[event_type]


def _check_addresses(bootstrap: Any, registry_url: Any) -> None:
    brokers = [each.strip() for each in bootstrap.split(",")] if isinstance(bootstrap, str) else [""]
    if "http" in {each.partition("://")[0].lower().rstrip("s") for each in brokers} or not all(
        map(_BROKER.fullmatch, brokers)
    ):
        raise OperatorError(
            f"{bootstrap!r} is no address of a broker",
            hint="Give host:port, several with commas, such as kafka-1:9092,kafka-2:9092.",
        )
    try:
        parts = urlsplit(registry_url)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):  # a port that is no number, or no text
        is_right = False
    if not is_right:
        raise OperatorError(
            "the address of the schema registry is no URL",  # not shown: it may hold a password
            hint="Such as http://registry:8081; Apicurio's ends in /apis/ccompat/v7.",
        )
