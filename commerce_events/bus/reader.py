"""Reading topics without being part of the loop: what a store's developer, an analyst and the demo see.

Joins no group and commits nothing. Whatever cannot be decoded is told as such, with its place, and reading goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from commerce_events import topics, wire
from commerce_events.bus import closing, kafka, refusals
from commerce_events.bus.codec import WRITERS
from commerce_events.exceptions import ContractError, OperatorError, TransientError
from commerce_events.registry import Registry


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. ``body`` is empty and ``problem`` says why if it could not be decoded."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str
    event_type: str
    message_id: str
    body: dict[str, Any]
    problem: str = ""


class Reader:
    """Reads whole topics, from their beginning, their end, or a time.

    Arguments:
        config: librdkafka settings; at least ``bootstrap.servers``.
        names: full topic names.
        start: ``earliest``, ``latest`` or a time.
    """

    def __init__(
        self, config: Mapping[str, Any], registry: Registry, names: Sequence[str], start: str | datetime = "latest"
    ) -> None:
        self.registry = registry
        self._troubles = refusals.Troubles()
        self._next: dict[tuple[str, int], int] = {}  # where each partition was read up to
        self._writer = lru_cache(WRITERS)(self._asked_writer)
        self.client = kafka.made(Consumer, {
            **config, "group.id": "commerce-events-reader", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "enable.partition.eof": True,
            "log.connection.close": False, "fetch.wait.max.ms": 100, "error_cb": self._troubles,
        })  # fmt: skip
        at = []
        for name in names:
            found = self._partitions(name)
            if not found:
                raise OperatorError(
                    f"topic {name} does not exist, or this user may not see it",
                    hint="Is the prefix right? `commerce-events dev` creates the topics.",
                )
            at += [TopicPartition(name, partition) for partition in found]
        self.client.assign(self._places(at, start))

    def _partitions(self, name: str) -> list[int]:
        with self._troubles.explained(self.client):
            return kafka.partitions(self.client, name)

    def _places(self, at: list[TopicPartition], start: str | datetime) -> list[TopicPartition]:
        if isinstance(start, datetime):
            for p in at:
                p.offset = kafka.offset_at(self.client, p.topic, p.partition, start)
            return at
        if start == "latest":
            # the end as it is now: OFFSET_END would be resolved later, and miss what comes in between
            for p in at:
                p.offset = self.client.get_watermark_offsets(p, timeout=kafka.TIMEOUT)[1]
            return at
        return [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in at]

    def read(self, timeout: float) -> list[Heard]:
        """What has come; waits ``timeout`` seconds for the first."""
        heard = []
        for message in kafka.take(self.client, 500, timeout):
            error = message.error()
            if error is None:
                heard.append(self._heard(message))
                self._next[message.topic(), message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next[message.topic(), message.partition()] = message.offset()
            elif refusals.remedy(error) and error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                # of a group it never joins a reader need not be allowed anything
                raise OperatorError(f"the broker refuses: {error.str()}", hint=refusals.remedy(error))
        return heard

    def extent(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Where reading begins in each partition, and where the partition ends now."""
        found = {}
        for p in self.client.assignment():
            log = kafka.log_of(self.client, p.topic, p.partition, "")
            begin = log.low if p.offset == OFFSET_BEGINNING else min(max(p.offset, log.low), log.high)
            found[p.topic, p.partition] = begin, log.high
        return found

    def up_to_now(self, patience: float = 30.0) -> Iterator[list[Heard]]:
        """What is on the topics at this moment, from the beginning to there; to be asked before anything was read.

        Raises:
            TransientError: nothing came for ``patience`` seconds, and the end was not reached.
        """
        ends = {at: end for at, (begin, end) in self.extent().items() if begin < end}
        until = time.monotonic() + patience
        while any(self._next.get(at, 0) < end for at, end in ends.items()):
            heard = self.read(0.2)
            if heard:
                until = time.monotonic() + patience
                yield [each for each in heard if each.offset < ends.get((each.topic, each.partition), 0)]
            elif time.monotonic() > until:
                raise TransientError(f"the topics could not be read to their end: nothing came for {patience:.0f} s")

    def follow(self, pause: float = 0.5) -> Iterator[Heard]:
        """Messages for ever."""
        while True:
            yield from self.read(pause)

    def _asked_writer(self, event_type: str, schema_id: int) -> Any:
        return wire.accept_writer(event_type, self.registry.schema_by_id(schema_id))

    def close(self) -> None:
        """End reading."""
        closing.close(self.client)

    def _heard(self, message: kafka.Record) -> Heard:
        headers: dict[str, str] = {}
        event_type, body, problem = "", {}, ""
        try:
            headers = {name: (value or b"").decode("utf-8", "replace") for name, value in kafka.headers(message)}
            event_type = headers.get(topics.HEADER_TYPE, "")
            value = message.value()
            if value is None:
                raise ContractError("no value (a tombstone)")
            schema_id, avro = wire.unframe(value)
            body = wire.decode(event_type, avro, self._writer(event_type, schema_id))
        except ContractError as error:
            problem = str(error)
        return Heard(
            message.topic(), message.partition(), message.offset(),
            datetime.fromtimestamp(max(message.timestamp()[1], 0) / 1000, UTC),
            (message.key() or b"").decode("utf-8", "replace"), event_type, headers.get(topics.HEADER_ID, ""), body,
            problem,
        )  # fmt: skip
