"""A partition is given to a consumer that cannot ask where it stands: it is read from there later, and nowhere else."""
from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka import TopicPartition

from commerce_events import topics
from commerce_events.bus import kafka, positions
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.positions import Stand
from commerce_events.bus.subscription import At, Subscription
from commerce_events.exceptions import TransientError
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

COUNT, STANDS_AT, ROUNDS = 12, 5, 5


class Late(Subscription):
    """Cannot ask when it is given a partition, as while the database or a broker is away; a moment later it can."""

    late = False

    def _open(self, at: Sequence[At]) -> list[Stand]:
        if self.late:
            self.late = False
            raise TransientError("away")
        return super()._open(at)


def test_what_is_read_late_is_read_from_the_position(database: TestDatabase, broker: Broker, prefix: str) -> None:
    """Given, taken back and given again. No place may be said meanwhile that librdkafka must ask for, such as the end:
    while the leader is away it asks again every half second, and the answer undoes the seek to the position.
    """
    settings = bus_settings()
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    for number in range(COUNT):
        kafka.send_raw(broker.bootstrap, topic, str(number).encode(), {}, key=b"one order")
    late = Late(settings, "earliest", lambda: datetime.now(UTC))
    try:
        (at,) = (at for at, end in kafka.ends(late.admin, [(topic, n) for n in range(3)]).items() if end)
        late.refresh_ids()
        positions.start(settings.group, *at, STANDS_AT, late._ids.get(topic, ""))
        late.subscribe()
        assert _offsets(late) == list(range(STANDS_AT, COUNT))
        for _ in range(ROUNDS):
            late._on_revoke(late.consumer, [TopicPartition(*at)])
            late.late = True
            late._on_assign(late.consumer, [TopicPartition(*at)])
            assert late.wanted == [at]
            assert [each.offset for each in late.consumer.assignment() if each.offset < 0] == []
            late.settle()
            assert _offsets(late) == list(range(STANDS_AT, COUNT))
    finally:
        late.close()


def _offsets(subscription: Subscription) -> list[int]:
    found: list[int] = []
    until = time.monotonic() + 20
    while len(found) < COUNT - STANDS_AT and time.monotonic() < until:
        found += [message.offset() for message in subscription.read(10, 0.1)]
    return found
