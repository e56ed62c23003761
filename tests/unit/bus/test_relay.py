"""What was committed is published in its order, at least once, and nothing ever overtakes."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from commerce_events import topics, wire
from commerce_events.bus import outbox
from commerce_events.bus.codec import Encoder
from commerce_events.bus.lease import Lease
from commerce_events.bus.relay import Relay
from commerce_events.bus.types import Message, Stream
from commerce_events.exceptions import TransientError
from commerce_events.identity import text_digest
from commerce_events.models import Inbox, OutboxBatch, Resend
from commerce_events.testing import builders
from tests.engines.schema import TestDatabase
from tests.unit.bus.brokers import Broker

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Subjects:
    """A registry that numbers what it is given; ``away``: it does not answer."""

    def __init__(self) -> None:
        self.known: list[tuple[str, str]] = []
        self.away = False

    def register(self, subject: str, text: str) -> int:
        if self.away:
            raise TransientError("the registry does not answer")
        self.known.append((subject, text))
        return len(self.known)


class Site:
    """A relay between an outbox and a broker."""

    def __init__(self, broker: Broker, lease: float = 0.5) -> None:
        registry: Any = Subjects()
        self.registry, self.broker = registry, broker
        self.lease = Lease("relay", lease)
        encoder = Encoder(registry, True)
        self.relay = Relay(broker.producer, encoder, self.lease, lambda name: f"test-{name}", "openedx/lms")

    def write(self, *words: str, stream: int = 1, first: int = 1, slot: str = "") -> list[str]:
        """One batch of one stream; each message carries its word as its order id."""
        row = Stream(stream, bytes([stream]) * 32, f"shop:{stream}")
        messages = [
            Message(topics.ORDER_PAID_TYPE, str(uuid4()), first + i, slot or word, builders.order_paid(word))
            for i, word in enumerate(words)
        ]
        (parcel,) = outbox.write([(row, messages)], NOW)
        Inbox.objects.create(
            digest=text_digest(messages[0].message_id), stream_id=stream, event_type="test", state=Inbox.State.HANDLED,
            payload="{}", received_at=NOW, parcels=str(parcel),
        )  # fmt: skip
        return [message.message_id for message in messages]

    @property
    def sent(self) -> list[str]:
        return [word(message.value) for message in self.broker.log]

    def until_done(self) -> None:
        while OutboxBatch.objects.exists():
            self.relay.run()


def word(value: bytes) -> str:
    _, body = wire.unframe(value)
    return str(wire.decode(topics.ORDER_PAID_TYPE, body)["order"]["order_id"])


def test_batches_go_in_their_order_and_messages_by_sequence(database: TestDatabase) -> None:
    site = Site(Broker())
    ids = site.write("a", "b") + site.write("c", stream=2) + site.write("d", "e", first=3)
    assert site.relay.run() == 5
    assert site.sent == ["a", "b", "c", "d", "e"]
    assert not OutboxBatch.objects.exists()
    assert site.relay.run() == 0
    first = site.broker.log[0]
    assert (first.of_topic, first.key) == ("test-commerce-order-lifecycle", b"shop:1")
    assert [dict(message.headers)["ce_id"] for message in site.broker.log] == [str(each).encode() for each in ids]
    assert site.lease.delivered() == {"test-commerce-order-lifecycle": {"0": 5}}


def test_a_batch_is_done_only_when_all_of_it_was_acknowledged(database: TestDatabase) -> None:
    broker = Broker(takes=3)
    site = Site(broker)
    site.write("a", "b")
    ids = site.write("c", "d", first=3)
    with pytest.raises(TransientError, match="1 batches"):
        site.relay.run()
    assert site.sent == ["a", "b", "c"]
    assert OutboxBatch.objects.count() == 1

    broker.takes = float("inf")
    assert site.relay.run() == 2
    assert site.sent == ["a", "b", "c", "c", "d"], "the whole batch again, under its ids"
    assert [dict(message.headers)["ce_id"].decode() for message in broker.log[2:]] == [str(ids[0]), *map(str, ids)]
    assert len(broker.producers) == 2, "the producer that gave up is thrown away with its queue"
    assert not broker.producers[0].queue


def test_a_refused_message_is_not_overtaken_by_later_ones_of_a_later_round(database: TestDatabase) -> None:
    refused = ["a2"]
    broker = Broker(refuses=lambda value: bool(refused) and word(value) == refused[0] and bool(refused.pop()))
    site = Site(broker)
    site.write("a1", "a2", "a3")
    site.write("a4", first=4)
    with pytest.raises(TransientError):
        site.relay.run()
    site.until_done()
    last = {name: index for index, name in enumerate(site.sent)}
    assert [name for name, _ in sorted(last.items(), key=lambda item: item[1])] == ["a1", "a2", "a3", "a4"]


def test_a_producer_that_lost_its_place_is_replaced(database: TestDatabase) -> None:
    """The Kafka client raises that from whatever is called next, and such a producer never sends again."""
    place = ["a2"]
    broker = Broker(loses=lambda value: bool(place) and word(value) == place[0] and bool(place.pop()))
    site = Site(broker)
    site.write("a1", "a2", "a3")
    with pytest.raises(TransientError):
        site.relay.run()
    site.until_done()
    assert site.sent == ["a1", "a1", "a2", "a3"]
    assert len(broker.producers) == 2


def test_nothing_is_handed_over_behind_a_message_that_found_no_room(database: TestDatabase) -> None:
    broker = Broker(takes=0, too_large=lambda value: word(value) == "b")
    site = Site(broker)
    site.write("a", "b", "c")
    with pytest.raises(TransientError):
        site.relay.run()
    assert [word(value) for value in broker.producers[0].given] == ["a"]


def test_a_full_queue_is_waited_for(database: TestDatabase) -> None:
    site = Site(Broker(room=1), lease=30)
    site.write(*"abcdef")
    assert site.relay.run() == 6
    assert site.sent == list("abcdef")


def test_without_the_registry_nothing_is_sent(database: TestDatabase) -> None:
    site = Site(Broker())
    site.write("a")
    site.registry.away = True
    with pytest.raises(TransientError, match="registry"):
        site.relay.run()
    assert not site.broker.producers
    site.registry.away = False
    assert site.relay.run() == 1


def test_without_the_lease_nothing_is_sent(database: TestDatabase) -> None:
    broker = Broker()
    one, other = Site(broker, lease=30), Site(broker, lease=30)
    assert one.relay.run() == 0
    one.write("a")
    assert other.relay.run() == 0
    assert one.relay.run() == 1
    one.relay.close()
    one.write("b", first=2)
    assert other.relay.run() == 1, "the lease was given back"


def test_it_ends_although_the_database_does_not_take_the_lease_back(sqlite: TestDatabase) -> None:
    site = Site(Broker())
    assert site.lease.hold()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_events_lease RENAME TO elsewhere")
    site.relay.close()
    assert site.lease.held  # nobody was told otherwise


def test_a_resend_repeats_current_messages_under_their_ids_behind_everything_that_waits(database: TestDatabase) -> None:
    site = Site(Broker())
    site.write("old", slot="line 1")
    ids = site.write("current", first=2, slot="line 1") + site.write("other", first=3, slot="line 2")
    site.until_done()
    Resend.objects.create(stream_id=1, requested_at=NOW)
    site.write("new", first=4, slot="line 1")
    del site.broker.log[:]

    assert site.relay.run() == 1
    assert site.sent == ["new"], "first what waits"
    assert site.relay.run() == 2
    assert site.sent == ["new", "other", "new"], "then the current message of each slot, in their order"
    assert dict(site.broker.log[1].headers)["ce_id"].decode() == str(ids[1])
    assert site.relay.run() == 0, "once"
    assert not Resend.objects.filter(sent_at=None).exists()


def test_a_resend_that_was_not_acknowledged_comes_again(database: TestDatabase) -> None:
    broker = Broker()
    site = Site(broker)
    site.write("a")
    site.until_done()
    Resend.objects.create(stream_id=1, requested_at=NOW)
    broker.takes = 0
    with pytest.raises(TransientError):
        site.relay.run()
    broker.takes = float("inf")
    assert site.relay.run() == 1
    assert site.sent == ["a", "a"]


def test_the_current_message_of_each_slot_is_the_one_with_the_highest_sequence(database: TestDatabase) -> None:
    site = Site(Broker())
    site.write("second", first=9, slot="line 1")
    site.write("first", first=1, slot="line 1")
    site.write("third", first=4, slot="line 2")
    site.write("elsewhere", stream=2, slot="line 1")
    current = outbox.current([1, 3])
    assert [message.sequence for message in current[1]] == [4, 9]
    assert list(current) == [1]
