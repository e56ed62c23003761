"""Dead letters on a topic of their own: as they came, once, and never in the way of results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from commerce_events import topics
from commerce_events.bus import clients, closing, handlers, mirror
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.mirror import Mirror
from commerce_events.bus.worker import Options, Worker
from commerce_events.models import DeadLetter
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Site:
    def __init__(self, broker: Broker, prefix: str) -> None:
        self.broker, self.prefix = broker, prefix
        self.settings = bus_settings()
        self.mirror = Mirror(lambda: clients.producer(self.settings), self.settings.full_topic)

    def letter(self, offset: int, **more: Any) -> DeadLetter:
        fields: dict[str, Any] = {
            "topic": f"{self.prefix}-{topics.ORDER_TOPIC}", "partition": 2, "reason": "undecodable", "key": b"\xff\x00",
            "value": b"\x00bytes", "received_at": NOW, "headers": json.dumps([["odd", {"hex": "ff"}], ["none", None]]),
        }  # fmt: skip
        return DeadLetter.objects.create(offset=offset, **{**fields, **more})

    def mirrored(self) -> list[Any]:
        """Every message of the mirror topic."""
        topic = f"{self.prefix}-{topics.DEAD_LETTER_TOPIC}"
        client = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": "t", "enable.auto.commit": False})
        partitions = [TopicPartition(topic, partition, 0) for partition in range(3)]
        client.assign(partitions)
        count = sum(client.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
        found = client.consume(count, 20)
        assert len(found) == count and not any(message.error() for message in found)
        closing.close(client)
        return found


@pytest.fixture
def site(database: TestDatabase, broker: Broker, prefix: str) -> Site:
    return Site(broker, prefix)


def test_the_bytes_go_as_they_came_with_headers_that_say_where_and_why(site: Site) -> None:
    site.letter(7)
    assert site.mirror.run(NOW) == 1
    (message,) = site.mirrored()
    assert (message.key(), message.value()) == (b"\xff\x00", b"\x00bytes")
    headers = dict(message.headers())
    assert (headers["odd"], headers["none"]) == (b"\xff", None)
    assert (headers[mirror.REASON], headers[mirror.PARTITION], headers[mirror.OFFSET]) == (b"undecodable", b"2", b"7")
    assert headers[mirror.TOPIC] == f"{site.prefix}-{topics.ORDER_TOPIC}".encode()


def test_each_goes_once_and_what_is_settled_or_of_other_topics_not_at_all(site: Site) -> None:
    site.letter(1)
    site.letter(2, key=None, value=None, reason="tombstone")
    site.letter(3, state="discarded")
    site.letter(4, topic="other")
    assert site.mirror.run(NOW) == 2
    assert site.mirror.run(NOW) == 0
    assert len(site.mirrored()) == 2


def test_what_the_broker_does_not_take_goes_without_its_value(site: Site) -> None:
    site.letter(1, value=bytes(3 << 20))
    assert site.mirror.run(NOW) == 1
    (message,) = site.mirrored()
    assert message.value() is None
    assert mirror.KEPT in dict(message.headers())


def test_a_mirror_topic_that_is_missing_is_said_and_stops_nothing(
    database: TestDatabase, broker: Broker, prefix: str, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.EVENT_BUS_TOPIC_PREFIX = f"{prefix}-none"
    site = Site(broker, f"{prefix}-none")
    row = site.letter(1)
    assert site.mirror.run(NOW) == 0
    assert "not mirrored" in caplog.text
    row.refresh_from_db()
    assert row.mirrored_at is None
    del caplog.records[:]
    assert site.mirror.run(NOW) == 0 and not caplog.records, "paused: not a line a second"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_worker_mirrors_only_where_it_is_told_to(
    wanted: bool, database: TestDatabase, broker: Broker, prefix: str, settings: Any
) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "MIRROR_DEAD_LETTERS": wanted}
    site = Site(broker, prefix)
    site.letter(1)
    worker = Worker(site.settings, handlers.load(site.settings.handlers), Options(start="earliest", until_idle=True))
    worker.run()
    assert len(site.mirrored()) == wanted
