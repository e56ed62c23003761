"""Due events are handled once, in order within their order, and a failure holds up nothing else."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connections, transaction

from commerce_events.bus import inbox
from commerce_events.bus.handle import Handle, backoff
from commerce_events.exceptions import TransientError
from commerce_events.models import Inbox, Stream
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import NOW, Bus, Recording, paid, refunded, states


def staged(bulk: bool = True) -> Bus:
    return Bus(Recording(bulk), straight=False)


@contextmanager
def locked(key: str) -> Iterator[None]:
    """Another transaction holds the stream."""
    there, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Stream.objects.select_for_update().get(key=key)
                there.set()
                done.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert there.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join()


def passes_over_what_is_locked() -> None:
    bus = staged()
    bus.take(paid("1"), paid("2"))
    with locked("shop:1"):
        assert bus.work() == 1
        assert bus.handler.handled == ["paid 2"]
    assert bus.work() == 1
    assert bus.handler.handled == ["paid 2", "paid 1"]


def test_what_another_worker_holds_is_passed_over_on_postgresql(postgresql: TestDatabase) -> None:
    passes_over_what_is_locked()


def test_what_another_worker_holds_is_passed_over_on_mariadb(mariadb: TestDatabase) -> None:
    passes_over_what_is_locked()


def test_a_group_is_handled_in_one_call(database: TestDatabase) -> None:
    bus = staged()
    bus.take(paid("1"), paid("2"), refunded("1"))
    assert bus.work() == 3
    assert [sorted(call) for call in bus.handler.calls] == [["paid 1", "paid 2", "refunded 1"]]
    assert bus.work() == 0


def test_a_failure_waits_and_holds_up_its_order_only(database: TestDatabase) -> None:
    bus = staged()
    bus.handler.failing = {"paid 1": [TransientError("the LMS does not answer")] * 3}
    bus.take(paid("1"), refunded("1"), paid("2"))
    assert bus.work() == 1
    assert [state for state, _ in states()] == ["pending", "pending", "handled"]
    assert bus.work(10) == 0, "it waits 24 s at least"
    bus.handler.failing.clear()
    assert bus.work(60) == 2
    assert bus.handler.handled[-2:] == ["paid 1", "refunded 1"]
    assert states() == [("handled", "")] * 3


def test_what_comes_while_an_earlier_event_waits_is_not_handled_before_it(database: TestDatabase) -> None:
    bus = staged()
    bus.handler.failing = {"paid 1": [TransientError("no answer")] * 3}
    bus.take(paid("1"))
    bus.work()
    bus.take(refunded("1"))
    assert bus.work(1) == 0
    assert "refunded 1" not in bus.handler.handled
    bus.handler.failing.clear()
    bus.work(60)
    assert bus.handler.handled[-2:] == ["paid 1", "refunded 1"]


def test_events_before_the_one_that_fails_are_done(database: TestDatabase) -> None:
    bus = staged()
    bus.handler.failing = {"refunded 1": [KeyError("x")] * 4}
    bus.take(paid("1"), refunded("1"))
    assert bus.work() == 1
    assert states() == [("handled", ""), ("pending", "KeyError")]


def test_a_timer_holds_up_nothing_and_comes_when_it_is_due(database: TestDatabase) -> None:
    bus = staged()
    inbox.enqueue("internal.test.v1", "shop:1", {}, NOW + timedelta(hours=1))
    bus.take(paid("1"))
    assert bus.work() == 1
    assert bus.work(3590) == 0
    assert bus.work(11) == 1
    assert bus.handler.handled == ["paid 1", "internal shop:1"]


def test_an_exception_nobody_foresaw_is_held_after_five_attempts_and_told_twice(database: TestDatabase) -> None:
    bus = staged()
    bus.handler.failing = {"paid 1": [KeyError("x")] * 100}
    bus.take(paid("1"), refunded("1"))
    for _ in range(5):
        assert states()[0][0] == "pending"
        bus.work(3600)
    row = Inbox.objects.order_by("id")[0]
    assert (row.state, row.reason, row.attempts, row.due_at) == ("held", "internal_error", 5, None)
    assert bus.handler.told == [("paid 1", ""), ("paid 1", "internal_error")]
    bus.work(3600)
    assert states()[1][0] == "handled", "what was held holds up nothing"


class BesideError(TransientError):
    """Something beside the database, which says what it is."""

    reason_code = "content_store_unavailable"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(TransientError("no answer"), "database_unavailable"), (BesideError("no answer"), "content_store_unavailable")],
)
def test_a_transient_failure_is_tried_for_two_days(database: TestDatabase, error: Exception, reason: str) -> None:
    bus = staged()
    bus.handler.failing = {"paid 1": [error] * 1000}
    bus.take(paid("1"))
    for _ in range(20):
        bus.work(2 * 3600)
    assert states() == [("pending", type(error).__name__)]
    for _ in range(6):
        bus.work(2 * 3600)
    assert states() == [("held", reason)]


def test_an_outage_is_held_against_no_event(database: TestDatabase) -> None:
    bus = staged()
    bus.handler.failing = {"paid 1": [OperationalError("the connection is closed")]}
    bus.take(paid("1"))
    with pytest.raises(OperationalError):
        bus.work()
    assert Inbox.objects.get().attempts == 0
    assert bus.work() == 1


def test_an_event_that_nobody_handles_any_more_is_held_and_others_flow(database: TestDatabase) -> None:
    bus = staged()
    bus.take(paid("1"), refunded("2"))
    bus.stage = Handle({next(iter([t for t in bus.handler.event_types if "paid" in t])): bus.handler}, group=100)
    for _ in range(6):
        bus.work(3600)
    assert sorted(states()) == [("handled", ""), ("held", "internal_error")]


def test_a_handler_that_answers_too_little_has_failed(database: TestDatabase) -> None:
    class Short(Recording):
        def handle(self, events: object, context: object) -> list[object]:  # type: ignore[override]
            return []

    bus = Bus(Short(), straight=False)
    bus.take(paid("1"))
    bus.work()
    assert states() == [("pending", "TypeError")]


def test_the_longest_waiting_come_first_and_no_more_than_asked(database: TestDatabase) -> None:
    bus = staged()
    bus.take(*(paid(str(i)) for i in range(6)))
    due = bus.stage.due(bus.now, 4)
    assert list(Stream.objects.filter(pk__in=due).order_by("key").values_list("key", flat=True)) == [
        f"shop:{i}" for i in range(4)
    ]


def test_waits_grow_to_an_hour() -> None:
    assert [backoff(n, 1).total_seconds() for n in (1, 2, 3, 8, 100)] == [30, 60, 120, 3600, 3600]
    assert all(24 <= backoff(1).total_seconds() <= 36 for _ in range(50))
