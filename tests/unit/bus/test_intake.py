"""A batch from Kafka is stored once, whole or not at all, and decided at once where nothing stands in the way."""
from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connections

from commerce_events import topics
from commerce_events.bus import positions
from commerce_events.bus.codec import Poison
from commerce_events.bus.types import REJECTED
from commerce_events.models import DeadLetter, Inbox, OutboxBatch, Position, Resend, Stream
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import GROUP, TOPIC, TYPES, Bus, Recording, paid, refunded, states


@pytest.mark.parametrize("straight", [True, False], ids=["straight", "staged"])
def test_duplicates_in_a_batch_and_across_batches_are_one_event(straight: bool, database: TestDatabase) -> None:
    bus = Bus(Recording(), straight)
    first = bus.take(paid("1"), paid("1"), paid("2"))
    again = bus.take(paid("2"), paid("1"), paid("3"))
    assert (first.duplicates, again.duplicates) == (1, 2)
    assert (first.handled, first.pending) == ((2, 0) if straight else (0, 2))
    bus.work()
    assert sorted(bus.handler.handled) == ["paid 1", "paid 2", "paid 3"]
    assert OutboxBatch.objects.count() == (2 if straight else 1)


def test_events_of_one_order_are_decided_in_their_order(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.take(refunded("1"), paid("2"), paid("1"))
    assert bus.handler.handled == ["refunded 1", "paid 2", "paid 1"]
    assert Stream.objects.get(key="shop:1").next_n == 3


def test_behind_a_waiting_event_nothing_goes_straight(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.handler.failing = {"paid 1": [KeyError("x")] * 2}
    assert bus.take(paid("1")).pending == 1
    stored = bus.take(refunded("1"), paid("2"))
    assert (stored.handled, stored.pending) == (1, 1)
    assert states() == [("pending", ""), ("pending", ""), ("handled", "")]


def test_a_handler_that_raises_leaves_the_whole_batch_pending(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.handler.failing = {"paid 2": [KeyError("x")]}
    stored = bus.take(paid("1"), paid("2"))
    assert (stored.handled, stored.pending, stored.messages) == (0, 2, False)
    assert Position.objects.get().offset == 2
    bus.work()
    assert states() == [("handled", "")] * 2


@pytest.mark.parametrize("straight", [True, False], ids=["straight", "staged"])
def test_an_order_that_the_database_refuses_holds_no_other_up(straight: bool, database: TestDatabase) -> None:
    """MySQL and MariaDB call that operational, as they do an outage: a value that a column does not take, a trigger."""
    bus = Bus(Recording(), straight)
    bus.handler.failing = {"paid 2": [OperationalError(1366, "Incorrect string value") for _ in range(9)]}
    bus.take(paid("1"), paid("2"), paid("3"))
    bus.work()
    assert states() == [("handled", ""), ("pending", "OperationalError"), ("handled", "")]


def test_an_outage_in_the_middle_leaves_nothing(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.handler.failing = {"paid 2": [OperationalError(2006, "Server has gone away")]}
    with pytest.raises(OperationalError):
        bus.take(paid("1"), paid("2"))
    assert not Inbox.objects.exists()
    assert Position.objects.get().offset == 0
    assert bus.take(paid("1"), paid("2")).handled == 2


def test_a_handler_of_one_stream_at_a_time_gets_no_batch(database: TestDatabase) -> None:
    bus = Bus(Recording(bulk=False))
    assert bus.take(paid("1"), paid("2")).pending == 2
    bus.work()
    assert bus.handler.calls == [["paid 1"], ["paid 2"]]


def test_a_partition_that_somebody_else_moved_is_left_alone(database: TestDatabase) -> None:
    bus = Bus(Recording())
    stand = positions.start(GROUP, TOPIC, 0, 0, "")
    positions.advance(stand, 7, bus.now)
    from commerce_events.bus.intake import Batch

    batch = Batch([paid("1")], [], {stand.at: 1})
    batch.poison.append(Poison(TOPIC, 0, 0, "undecodable", "", None, b"?"))
    stored = bus.intake.store(batch, {stand.at: stand}, bus.context)
    assert stored.lost == {stand.at}
    assert not Inbox.objects.exists() and not DeadLetter.objects.exists()
    assert Position.objects.get().offset == 7


def test_intakes_that_store_the_same_batch_at_once_store_it_once(database: TestDatabase) -> None:
    def store(partition: int) -> None:
        try:
            Bus(Recording()).take(*(paid(str(i)) for i in range(10)), partition=partition)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Inbox.objects.count() == Stream.objects.count() == 10


def test_a_late_duplicate_asks_for_the_result_again_but_not_more_than_once_a_minute(database: TestDatabase) -> None:
    bus = Bus(Recording())
    asked = []
    for seconds in (0, 29, 2, 20, 30, 20):  # at 0, 29, 31, 51, 81 and 101 s
        bus.work(seconds)
        bus.take(paid("1"))
        asked.append(Resend.objects.count())
    assert asked == [0, 0, 1, 1, 1, 2]


def test_a_replay_asks_for_no_result_again(database: TestDatabase) -> None:
    bus = Bus(Recording(), resend=False)
    bus.take(paid("1"))
    bus.work(3600)
    assert bus.take(paid("1")).duplicates == 1
    assert not Resend.objects.exists()


class Rejecting(Recording):
    event_types = TYPES | {REJECTED}


def poison(**readable: str) -> Poison:
    return Poison(TOPIC, 0, 7, "schema_invalid", "order.lines: is missing", b"\xff", b"\0\x01?", "[]", readable or None)


def test_poison_is_set_aside_with_its_bytes_and_what_stands_behind_it_goes_on(database: TestDatabase) -> None:
    bus = Bus(Rejecting())
    stored = bus.take(poison(order_key="shop:9", order_id="9"), paid("1"))
    assert (stored.dead, stored.handled) == (1, 1)
    row = DeadLetter.objects.get()
    assert (bytes(row.key or b""), bytes(row.value or b""), row.offset) == (b"\xff", b"\0\x01?", 7)
    bus.work()
    assert "internal 9" in bus.handler.handled
    assert Stream.objects.filter(key="shop:9").exists()


@pytest.mark.parametrize("key", ["", "shop:9\0", "shop:" + "9" * 300])
def test_poison_whose_order_cannot_be_named_is_set_aside_alone(key: str, database: TestDatabase) -> None:
    bus = Bus(Rejecting())
    assert bus.take(poison(order_key=key), paid("1")).dead == 1
    assert list(Inbox.objects.values_list("event_type", flat=True)) == [topics.ORDER_PAID_TYPE]


def test_nobody_is_told_of_a_rejection_who_does_not_want_to_know(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.take(poison(order_key="shop:9"))
    assert not Inbox.objects.exists()
