"""A store that must wait waits alone: paused, limited, or because it sends more than others can bear."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from commerce_events.bus import inbox
from commerce_events.bus.sources import FAR, Sources, queue, row, say
from commerce_events.bus.types import Context
from commerce_events.models import Inbox, Source
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import Bus, Recording, paid, received, refunded, states

PAUSED, STOPPED, RUNNING = Source.State.PAUSED, Source.State.STOPPED, Source.State.RUNNING


class Shops(Bus):
    """A bus that knows its stores, and looks them up again whenever time goes by."""

    def __init__(self, straight: bool = False, **known: Any) -> None:
        super().__init__(Recording(), straight=straight)
        self.stage.sources = self.intake.sources = self.sources = Sources(**known)

    @property
    def context(self) -> Context:
        self.sources.refresh(self.now)
        return replace(super().context, stopped=self.sources.stopped)

    def say(self, name: str, state: str) -> None:
        say(name, state, "operator")
        self.now += timedelta(seconds=2)

    def work_all(self) -> int:
        done = 0
        for _ in range(50):
            now = self.work()
            done += now
            if not now and not self.stage.due(self.now, 100):
                return done
        raise AssertionError("it never ends")


def of(shop: str, order_id: str) -> Any:
    event = paid(order_id)
    order = {**event.data, "source": shop, "order_key": f"{shop}:{order_id}"}
    return received(event.event_type, {"order": order})


def test_what_a_paused_store_sends_is_stored_and_waits(database: TestDatabase) -> None:
    bus = Shops(straight=True)
    bus.say("shop", PAUSED)
    stored = bus.take(paid("1"), of("other", "2"))
    assert (stored.handled, stored.pending) == (1, 1)
    assert bus.work(3600) == 0
    assert bus.handler.handled == ["paid 2"]
    bus.say("shop", RUNNING)
    assert bus.work_all() == 1
    assert states() == [("handled", "")] * 2
    bus.take(paid("3"))
    assert bus.handler.handled == ["paid 2", "paid 1", "paid 3"], "and what comes now goes straight again"


def test_a_pause_reaches_what_had_come_before_and_what_was_being_tried_again(database: TestDatabase) -> None:
    bus = Shops()
    bus.handler.failing = {"paid 1": [KeyError("x")] * 3}
    bus.take(paid("1"), refunded("1"), paid("2"))
    bus.work()
    bus.take(paid("3"), of("other", "4"))
    bus.say("shop", PAUSED)
    bus.handler.calls.clear()
    assert bus.work(3600) == 1
    assert bus.handler.handled == ["paid 4"]
    bus.say("shop", RUNNING)
    assert bus.work_all() == 3
    assert bus.handler.handled[1:] == ["paid 1", "refunded 1", "paid 3"]


def test_a_persons_wish_about_a_paused_store_waits_too_and_a_timer_stays_one(database: TestDatabase) -> None:
    bus = Shops()
    bus.take(paid("1"))
    bus.work()
    inbox.enqueue("internal.test.v1", "shop:1", {}, bus.now)
    inbox.enqueue("internal.test.v1", "shop:1", {}, bus.now + timedelta(days=180))
    bus.say("shop", PAUSED)
    assert bus.work(3600) == 0
    bus.say("shop", RUNNING)
    assert bus.work_all() == 1
    assert bus.work(timedelta(days=179).total_seconds()) == 0
    assert bus.work(timedelta(days=1).total_seconds()) == 1


def test_what_comes_behind_an_event_that_waits_waits_with_it(database: TestDatabase) -> None:
    bus = Shops()
    bus.say("shop", PAUSED)
    bus.take(paid("1"))
    source = row("shop")
    bus.sources = bus.stage.sources = bus.intake.sources = Sources()  # a process that knows nothing of it yet
    bus.take(refunded("1"))
    assert bus.stage.run(bus.stage._due(bus.now, 10), bus.context) == 0
    assert set(Inbox.objects.values_list("due_at", flat=True)) == {queue(source.pk)}
    bus.say("shop", RUNNING)
    assert bus.work_all() == 2
    assert bus.handler.handled == ["paid 1", "refunded 1"]


@pytest.mark.parametrize("limit", [6, 60])
def test_a_limited_store_gets_so_many_decisions_a_minute(sqlite: TestDatabase, limit: int) -> None:
    bus = Shops(straight=True, limits={"shop": limit})
    bus.say("shop", RUNNING)
    bus.take(*(paid(str(i)) for i in range(3 * limit)))
    assert bus.take(of("other", "1")).handled == 1
    counts = []
    for _ in range(3):
        done = 0
        for _ in range(30):
            bus.now += timedelta(seconds=2)
            done += bus.work_all()
        counts.append(done)
    assert sum(counts) in (3 * limit, 3 * limit - 1)
    assert all(count <= limit + 1 + limit // 12 for count in counts)


def test_two_processes_share_one_limit(database: TestDatabase) -> None:
    bus = Shops(limits={"shop": 60})
    bus.say("shop", RUNNING)
    bus.take(*(paid(str(i)) for i in range(30)))
    other = Sources({"shop": 60})
    other.refresh(bus.now)
    assert bus.sources.take(bus.now, 100) + other.take(bus.now, 100) == 1
    later = bus.now + timedelta(seconds=5)
    assert bus.sources.take(later, 100) + other.take(later, 100) == 5


def test_what_a_limited_store_did_not_use_is_not_saved_up(database: TestDatabase) -> None:
    bus = Shops(limits={"shop": 60})
    bus.say("shop", RUNNING)
    bus.take(paid("1"))
    assert bus.sources.take(bus.now, 100) == 1
    bus.now += timedelta(hours=1)
    bus.take(*(paid(str(i)) for i in range(10, 30)))
    assert bus.sources.take(bus.now, 100) == 6


def test_a_store_that_floods_does_not_starve_the_others(database: TestDatabase) -> None:
    bus = Shops(crowd=10)
    bus.stage.group = 5
    bus.take(*(paid(str(i)) for i in range(60)))
    bus.take(of("other", "late"))
    bus.now += timedelta(seconds=2)
    for _ in range(2):
        bus.stage.run(bus.stage.due(bus.now, 8), bus.context)
    assert "paid late" in bus.handler.handled
    assert len(bus.handler.handled) <= 16
    for _ in range(20):
        bus.stage.run(bus.stage.due(bus.now, 8), bus.context)
    assert len(bus.handler.handled) == 61
    assert bus.handler.handled.index("paid 0") < bus.handler.handled.index("paid 59")


def test_two_stores_that_flood_take_turns(database: TestDatabase) -> None:
    bus = Shops(crowd=10)
    bus.take(*(paid(str(i)) for i in range(40)))
    bus.take(*(of("other", f"o{i}") for i in range(40)))
    bus.now += timedelta(seconds=2)
    for _ in range(4):
        bus.stage.run(bus.stage.due(bus.now, 8), bus.context)
    done = [name.split()[1].startswith("o") for name in bus.handler.handled]
    assert abs(2 * sum(done) - len(done)) <= 4


def test_a_queue_that_is_served_slowly_is_served_though_others_keep_coming(database: TestDatabase) -> None:
    bus = Shops(crowd=10)
    bus.take(*(paid(str(i)) for i in range(20)))
    bus.now += timedelta(seconds=2)
    for i in range(12):
        bus.take(*(of("other", f"{i}-{j}") for j in range(8)))
        bus.stage.run(bus.stage.due(bus.now, 8), bus.context)
    assert "paid 0" in bus.handler.handled


def test_a_few_of_a_store_wait_in_no_queue(database: TestDatabase) -> None:
    bus = Shops(crowd=10)
    bus.take(*(paid(str(i)) for i in range(10)))
    assert not Source.objects.exists()
    assert not Inbox.objects.filter(due_at__gte=FAR).exists()


def test_a_stopped_store_waits_for_nothing_and_handlers_are_told(database: TestDatabase) -> None:
    bus = Shops(limits={"shop": 1})
    bus.say("shop", PAUSED)
    bus.take(*(paid(str(i)) for i in range(10)))
    bus.say("shop", STOPPED)
    assert bus.context.stopped == {"shop"}
    assert bus.work_all() == 10, "neither pause nor limit"
    bus.take(paid("late"))
    assert bus.work() == 1


def test_what_is_said_of_a_store_is_known_within_two_seconds(database: TestDatabase) -> None:
    sources, bus = Sources(), Shops()
    sources.refresh(bus.now)
    bus.say("shop", STOPPED)
    sources.refresh(bus.now - timedelta(seconds=1))
    assert sources.stopped == frozenset()
    sources.refresh(bus.now)
    assert sources.stopped == {"shop"}


def test_names_that_a_collation_thinks_alike_are_two_stores(database: TestDatabase) -> None:
    bus = Shops()
    bus.say("Shop", PAUSED)
    bus.say("shop", RUNNING)
    assert bus.sources.waits("shop") is False
    bus.take(paid("1"))
    assert bus.work() == 1


def test_a_run_until_idle_does_not_end_while_a_crowd_waits(database: TestDatabase) -> None:
    bus = Shops(crowd=2)
    assert not bus.sources.hold_some()
    bus.take(*(of("crowd", str(number)) for number in range(3)))
    assert Inbox.objects.filter(due_at__gte=FAR).count() == 3
    assert bus.sources.hold_some(), "a process that has not looked the store up yet must not take this for the end"
    say("crowd", PAUSED, "operator")
    assert not bus.sources.hold_some(), "what nobody may take is waited for by nobody"
    bus.say("crowd", RUNNING)
    assert not Sources({"crowd": 60}).hold_some(), "nor what is for later"
    assert bus.work_all() == 3
    assert not bus.sources.hold_some()
