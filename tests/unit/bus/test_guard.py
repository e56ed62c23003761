"""A database that was restored from a backup is noticed before anything is decided on it, and once."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer
from django.db import connection, connections, transaction
from django.utils import timezone

from commerce_events import identity, topics, wire
from commerce_events.bus import clients, closing, ids, kafka, positions
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.guard import EPOCHS_SINCE, RELAY_LEASE, Guard, installation
from commerce_events.bus.types import RENEW
from commerce_events.contract import examples
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.models import Counter, Inbox, Installation, Lease, Stream
from commerce_events.registry import Registry
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

KEY = "shop:1"
RESULT = topics.RESULT_TYPES["completed"]
NOW = 28_000_000  # seconds since epochs are counted


class Site:
    """What the guard compares: positions and committed offsets, results on the topic, streams in the database."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        self.broker = broker
        self.settings = bus_settings()
        self.registry = Registry(broker.registry_url)
        self.now = EPOCHS_SINCE + timedelta(seconds=NOW)
        self.topic = f"{prefix}-{topics.ORDER_TOPIC}"
        self.results = f"{prefix}-{topics.FULFILLMENT_TOPIC}"

    @property
    def guard(self) -> Guard:
        return Guard(self.settings, self.registry, lambda: self.now)

    def stand(self, offset: int, partition: int = 0) -> None:
        positions.start(self.settings.group, self.topic, partition, offset, "")

    def commit(self, offset: int, partition: int = 0) -> None:
        client = clients.onlooker(self.settings)
        kafka.commit(client, {(self.topic, partition): offset})
        closing.close(client)

    def stream(self, key: str = KEY, next_n: int = 1) -> None:
        digest = identity.stream_digest(topics.ORDER_TOPIC, key)
        Stream.objects.create(digest=digest, topic=topics.ORDER_TOPIC, key=key, next_n=next_n)

    def relayed(self, **delivered: int) -> None:
        """A relay of this database has published up to these offsets of partitions p0, p1 …"""
        noted = {self.results: {partition.removeprefix("p"): offset for partition, offset in delivered.items()}}
        Lease.objects.create(name=RELAY_LEASE, expires_at=timezone.now(), delivered=noted)

    def publish(self, epoch: int, slug: str = "test-lms", key: str = KEY, partition: int = 0) -> None:
        """A result as a relay publishes it."""
        body = examples.valid(RESULT)
        source, order_id = key.split(":")
        body["fulfillment"] |= {
            "installation": slug, "sequence": identity.sequence(epoch, 1), "order_key": key, "source": source,
            "order_id": order_id,
        }  # fmt: skip
        schema_id = self.registry.register(topics.subject(self.results, RESULT), wire.schema_text(RESULT))
        producer = Producer({"bootstrap.servers": self.broker.bootstrap})
        headers: Any = wire.headers(RESULT, uuid.uuid4(), datetime.now(UTC), "test")
        producer.produce(
            self.results, key=key.encode(), value=wire.frame(schema_id, wire.encode(RESULT, body)), headers=headers,
            partition=partition,
        )  # fmt: skip
        assert producer.flush(20) == 0

    def renewed(self) -> list[str]:
        streams = dict(Stream.objects.values_list("id", "key"))
        return [streams[i] for i in Inbox.objects.filter(event_type=RENEW).values_list("stream_id", flat=True)]


@pytest.fixture
def site(database: TestDatabase, broker: Broker, prefix: str) -> Site:
    return Site(broker, prefix)


def test_a_site_that_has_just_been_installed_is_trusted(site: Site) -> None:
    assert site.guard.check() is False
    row = Installation.objects.get()
    assert (row.slug, row.epoch) == ("test-lms", 1)


def test_a_position_at_or_above_the_committed_offset_is_trusted(site: Site) -> None:
    site.stand(5)
    site.commit(5)
    assert site.guard.check() is False
    site.stand(9, partition=1)
    site.commit(3, partition=1)
    assert site.guard.check() is False
    assert Installation.objects.get().epoch == 1


def test_a_committed_offset_above_the_position_begins_an_epoch_once(site: Site) -> None:
    site.stand(5)
    site.commit(7)
    site.relayed()
    assert site.guard.check() is True
    row = Installation.objects.get()
    assert row.epoch == NOW
    assert f"{site.topic}[0]" in row.epoch_reason
    assert site.guard.check() is False, "another process that sees the same evidence begins no epoch of its own"
    assert Installation.objects.get().epoch == NOW


def test_a_database_that_is_restored_twice_begins_another_epoch_each_time(site: Site) -> None:
    """Nothing of the first new epoch is on the topic yet: a relay may still hold it."""
    site.stand(5)
    site.commit(7)
    site.relayed()
    assert site.guard.check() is True
    Installation.objects.update(epoch=1, restored_from={})
    site.now += timedelta(seconds=2)
    assert site.guard.check() is True
    assert Installation.objects.get().epoch == NOW + 2


def test_an_epoch_is_above_the_last_one_even_if_the_clock_went_back(site: Site) -> None:
    installation("test-lms")
    Installation.objects.update(epoch=NOW + 5000)
    site.stand(5)
    site.commit(7)
    site.relayed()
    assert site.guard.check() is True
    assert Installation.objects.get().epoch == NOW + 5001


def test_streams_whose_results_were_published_after_the_backup_are_renewed(site: Site) -> None:
    site.stream()
    site.stream("shop:2")
    site.publish(1, key="shop:2")
    site.publish(NOW + 3)
    site.relayed(p0=1)  # the first result was known when the backup was made, the second was not
    site.stand(5)
    site.commit(7)
    assert site.guard.check() is True
    assert site.renewed() == [KEY]
    assert Installation.objects.get().epoch == NOW + 4, "above every epoch that was published"


def test_a_result_that_this_database_never_numbered_gives_a_restore_away(site: Site) -> None:
    """The backup was made when every order had been received, and not every one decided: no offset is ahead."""
    site.stream(next_n=1)
    site.publish(1)
    site.stand(5)
    site.commit(5)
    site.relayed()
    assert site.guard.check() is True
    assert (Installation.objects.get().epoch, site.renewed()) == (NOW, [KEY])
    assert site.guard.check() is False


def test_a_result_that_was_published_and_not_noted_is_no_restore(site: Site) -> None:
    """A relay died, or another one is at work, between the broker's word and its note of it."""
    site.stream(next_n=2)
    site.publish(1)
    site.stand(5)
    site.relayed()
    assert site.guard.check() is False
    assert Installation.objects.get().epoch == 1


def test_a_process_that_starts_while_events_are_read_again_begins_no_epoch(site: Site) -> None:
    for partition in (0, 1):
        site.stand(5, partition)
        site.commit(9, partition)
    site.relayed()
    assert site.guard.check() is True
    site.commit(6)  # what was read again so far
    moved = positions.load(site.settings.group, [site.topic])[site.topic, 0]
    assert positions.advance(moved, 6, datetime.now(UTC))
    assert site.guard.check() is False
    assert Installation.objects.get().epoch == NOW


def test_an_empty_database_whose_installation_has_published_is_a_restored_one(site: Site) -> None:
    site.publish(6)
    assert site.guard.check() is True
    assert Installation.objects.get().epoch == NOW
    assert site.guard.check() is False


def test_results_of_another_installation_say_nothing(site: Site) -> None:
    site.publish(6, slug="other-lms")
    assert site.guard.check() is False
    assert Installation.objects.get().epoch == 1


def test_a_halted_partition_says_nothing(site: Site) -> None:
    site.stand(5)
    stand = positions.load(site.settings.group, [site.topic])[site.topic, 0]
    positions.halt(site.settings.group, stand, kafka.Log(9, 20), "offsets_expired", datetime.now(UTC))
    site.commit(7)
    site.relayed()
    assert site.guard.check() is False


def test_a_database_of_another_installation_is_refused(site: Site) -> None:
    installation("other-lms")
    with pytest.raises(OperatorError, match="other-lms") as refused:
        site.guard.check()
    assert "never changes" in refused.value.hint


def test_while_the_broker_is_away_nothing_may_be_decided(
    database: TestDatabase, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT", 1.0)
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:9"
    away = bus_settings()
    positions.start(away.group, away.full_topic(topics.ORDER_TOPIC), 0, 5, "")
    with pytest.raises(TransientError):
        Guard(away, away.registry()).check()
    assert Installation.objects.get().epoch == 1
    connections.close_all()


def test_keys_in_hand_are_dropped_when_another_process_has_noticed_a_restore(site: Site) -> None:
    """The counter went back with the database: what we have reserved is given to somebody else now."""
    now = timezone.now()
    installation("test-lms")
    guard = site.guard
    guard.context(now)
    ids.STREAMS.forget()
    (lost,) = ids.STREAMS.take(1)
    guard.context(now)
    assert list(ids.STREAMS.take(1)) == [lost + 1], "a batch like any other"
    Counter.objects.filter(name="stream").update(next_id=500_000)
    Installation.objects.update(epoch=2)
    guard.context(now)
    assert list(ids.STREAMS.take(1)) == [500_000]


def test_a_new_epoch_does_not_lean_on_a_time_that_was_asked_before(site: Site) -> None:
    """What a process remembers may lag behind what another one has begun an epoch with."""
    utc_now._known = time.monotonic(), EPOCHS_SINCE
    site.stand(5)
    site.commit(7)
    site.relayed()
    assert Guard(site.settings, site.registry).check() is True
    assert Installation.objects.get().epoch > 3600


#: PostgreSQL: whether somebody waits for this session.
_WAITED_FOR = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_restore_that_is_under_way_is_waited_for(
    kind: str, request: pytest.FixtureRequest, broker: Broker, prefix: str
) -> None:
    """PostgreSQL has whoever waits for a deleted row find none, though another was put in its place."""
    request.getfixturevalue(kind)
    site = Site(broker, prefix)
    site.stand(3)
    installation("test-lms")
    ahead, deleted = {f"{site.topic}[0]": 5}, threading.Event()

    def restores() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                Installation.objects.all().delete()
                deleted.set()
                until = time.monotonic() + 20
                while kind == "postgresql" and time.monotonic() < until:
                    cursor.execute(_WAITED_FOR)
                    if cursor.fetchone() != (0,):
                        break
                    time.sleep(0.05)
                Installation.objects.create(slug="test-lms")
        finally:
            connection.close()

    thread = threading.Thread(target=restores)
    thread.start()
    try:
        assert deleted.wait(10)
        if kind == "postgresql":
            with pytest.raises(TransientError, match="restored"):
                site.guard._new_epoch(ahead, {})
        assert site.guard._new_epoch(ahead, {})
    finally:
        thread.join(30)
    assert Installation.objects.get().epoch == NOW
