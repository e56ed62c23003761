"""When nearly everything fails, handling pauses, and no event is charged for it."""
from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from commerce_events.bus.breaker import BREAKER_OPEN, Breaker
from commerce_events.exceptions import TransientError
from commerce_events.models import Inbox
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import NOW, Bus, Recording, paid, refunded, states

SECOND = timedelta(seconds=1)


def opened(window: int = 10) -> Breaker:
    breaker = Breaker(window, successes=3)
    assert [breaker.failed(NOW, "no answer") for _ in range(window)] == [False] * (window - 1) + [True]
    return breaker


def test_it_looks_back_on_so_many_decisions_and_no_more() -> None:
    breaker = Breaker(10, 0.8)
    breaker.succeeded(100, NOW)
    assert not any(breaker.failed(NOW, "x") for _ in range(7))
    assert breaker.admits(NOW)
    assert breaker.failed(NOW, "x"), "eight of the last ten"
    assert breaker.is_open


def test_a_few_failures_of_few_orders_say_nothing() -> None:
    breaker = Breaker(50)
    assert not any(breaker.failed(NOW, "x") for _ in range(49))


def test_an_open_one_lets_one_order_through_in_each_pause() -> None:
    breaker = opened()
    assert not breaker.admits(NOW + 29 * SECOND)
    assert [breaker.admits(NOW + 30 * SECOND) for _ in range(3)] == [True, False, False]
    assert breaker.failed(NOW + 31 * SECOND, "x")
    assert not breaker.admits(NOW + 60 * SECOND)
    assert breaker.admits(NOW + 61 * SECOND)


def test_it_closes_after_successes_in_a_row_that_need_not_wait_for_each_other() -> None:
    breaker, later = opened(), NOW + 30 * SECOND
    for _ in range(2):
        assert breaker.admits(later)
        breaker.succeeded(1, later)
    assert breaker.failed(later, "x"), "not in a row"
    later += 30 * SECOND
    for _ in range(3):
        assert breaker.is_open
        assert breaker.admits(later)
        breaker.succeeded(1, later)
    assert not breaker.is_open
    assert not any(breaker.failed(later, "x") for _ in range(7)), "what was before it closed is forgotten"


def test_it_says_once_that_it_opens_and_once_that_it_closes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        breaker = opened()
        for _ in range(100):
            breaker.failed(NOW, "KeyError (of_some_code in lms.py:7)")
        breaker.succeeded(3, NOW)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the breaker opens", "the breaker closes",
    ]  # fmt: skip
    assert "KeyError (of_some_code in lms.py:7)" in breaker.says


class Away(Recording):
    """Fails on everything while it is away."""

    is_away = True

    def handle(self, events, context):  # type: ignore[no-untyped-def]
        if self.is_away:
            self.calls.append([])
            raise TransientError("the course store does not answer")
        return super().handle(events, context)


def in_an_outage(orders: int = 20, straight: bool = False) -> Bus:
    bus = Bus(Away(), straight=straight)
    bus.stage.breaker = bus.intake.breaker = Breaker(10, successes=3)
    bus.take(*(paid(str(i)) for i in range(orders)))
    bus.work()
    return bus


def test_an_outage_uses_up_nobodys_attempts(database: TestDatabase) -> None:
    bus = in_an_outage()
    assert bus.stage.breaker.is_open
    charged = Inbox.objects.filter(attempts__gt=0).count()
    assert charged == 9, "those whose failures made it open, less the last"
    for _ in range(100):
        bus.work(31)
    assert Inbox.objects.filter(attempts__gt=1).count() == 0
    assert Inbox.objects.filter(attempts=0, reason=BREAKER_OPEN).count() > 0
    assert {state for state, _ in states()} == {"pending"}


def test_it_tries_one_order_after_the_other_and_not_one_for_ever(database: TestDatabase) -> None:
    class Choosy(Away):
        def handle(self, events, context):  # type: ignore[no-untyped-def]
            tried.update(event.data["order_id"] for event in events)
            return super().handle(events, context)

    tried: set[str] = set()
    bus = Bus(Choosy(), straight=False)
    bus.stage.breaker = opened()
    bus.take(*(paid(str(i)) for i in range(3)))
    for _ in range(3):
        assert bus.work(30) == 0
    assert tried == {"0", "1", "2"}


def test_when_the_outage_is_over_everything_is_handled_in_its_order(database: TestDatabase) -> None:
    bus = in_an_outage()
    bus.take(*(refunded(str(i)) for i in range(20)))
    bus.work(40)
    bus.handler.is_away = False
    bus.handler.calls.clear()
    for _ in range(6):
        bus.work(31)
    assert not bus.stage.breaker.is_open
    for _ in range(4):
        bus.work(3600)
    assert {state for state, _ in states()} == {"handled"}
    handled = bus.handler.handled
    assert sorted(handled) == sorted([f"{word} {i}" for word in ("paid", "refunded") for i in range(20)])
    assert all(handled.index(f"paid {i}") < handled.index(f"refunded {i}") for i in range(20))


def test_an_outage_of_days_holds_no_event_that_was_not_tried_for_days(database: TestDatabase) -> None:
    bus = in_an_outage()
    bus.now += timedelta(days=3)
    bus.stage.breaker = Breaker()
    bus.work()
    assert {state for state, _ in states()} == {"pending"}


def test_while_it_is_open_the_intake_stores_and_decides_nothing(database: TestDatabase) -> None:
    bus = in_an_outage(straight=True)
    calls = len(bus.handler.calls)
    stored = bus.take(paid("late"))
    assert (stored.handled, stored.pending) == (0, 1)
    assert len(bus.handler.calls) == calls
    bus.intake.breaker = Breaker()
    bus.handler.is_away = False
    assert bus.take(paid("later")).handled == 1


def test_decisions_on_the_straight_path_count_too(database: TestDatabase) -> None:
    bus = Bus(Recording())
    bus.intake.breaker = Breaker(10)
    bus.take(*(paid(str(i)) for i in range(3)))
    assert [bus.intake.breaker.failed(NOW, "x") for _ in range(8)] == [False] * 7 + [True], "2 of the last 10 were made"
