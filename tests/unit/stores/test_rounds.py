"""What is done beside the web server: questions, sweeps, and what waited. Stores may be away; nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_events.bus import sources
from commerce_events.bus.health import Health
from commerce_events.bus.lease import Lease
from commerce_events.stores import asks, conf, deliveries, rounds, sweep
from commerce_events.stores.adapter import Ask
from commerce_events.stores.models import Delivery, Notice, OpenAsk, Sweep
from commerce_events.stores.readings import remember
from commerce_events.stores.transactions import settled
from tests.unit.stores.tiny import Shop, Tiny, order_of
from tests.unit.stores.told import kinds, told


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **more: float) -> None:
        self.now += timedelta(**more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(shops: dict[str, Shop], clock: Clock) -> Callable[[], int]:
    """Rounds until nothing is left to do."""

    def run() -> int:
        found, total = rounds.Rounds(conf.stores(), clock), 0
        while done := found.once():
            total += done
        found.lease.release()
        return total

    return run


def ask(source: str, order_id: str, now: datetime) -> None:
    settled(lambda _: remember(source, Ask(order_id), now))


# ------------------------------------------------------------------------------------------------------------- asks


def test_a_question_is_answered_once_however_often_it_was_asked(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    shops["other"].sell("77")
    shops["other"].changed.clear()
    for _ in range(3):
        ask("other", "77", clock())
    work()
    assert shops["other"].fetched == ["77"]
    assert told()[0][0] == "other:77"
    assert not OpenAsk.objects.exists()


def test_what_changes_while_the_answer_is_on_its_way_is_asked_again(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shops["other"]
    shop.sell("77")
    shop.changed.clear()
    ask("other", "77", clock())
    fetch = Tiny.fetch

    def slow(self: Tiny, question: Ask) -> Any:
        answer = fetch(self, question)
        if len(shop.fetched) == 1:
            shop.refund("77", "r1")
            shop.changed.clear()
            ask("other", "77", clock())
        return answer

    monkeypatch.setattr(Tiny, "fetch", slow)
    work()
    assert shop.fetched == ["77", "77"]
    assert kinds() == ["paid", "refunded"]
    assert not OpenAsk.objects.exists()


@pytest.mark.parametrize("trouble", ["is_away", "is_locked"])
def test_a_store_that_does_not_answer_is_asked_later_and_nothing_is_lost(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int], trouble: str
) -> None:
    other = shops["other"]
    for order_id in ("77", "78"):
        other.sell(order_id)
        ask("other", order_id, clock())
    other.changed.clear()
    setattr(other, trouble, True)
    for _ in range(4):
        work()
        clock.later(minutes=2)
    assert told() == []
    waiting = list(OpenAsk.objects.order_by("pk"))
    assert [row.ask_id for row in waiting] == ["77", "78"]
    assert all(row.attempts >= 3 and row.reason and row.due_at > clock() - timedelta(hours=1) for row in waiting)
    setattr(other, trouble, False)
    clock.later(hours=1)
    work()
    assert sorted(key for key, _ in told()) == ["other:77", "other:78"]
    assert not OpenAsk.objects.exists()


def test_pauses_grow_and_end_at_an_hour() -> None:
    pauses = [asks.pause(attempts).total_seconds() for attempts in range(40)]
    assert pauses[:3] == [5, 10, 20]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3600


def test_an_answer_that_cannot_be_used_waits_alone_and_is_told(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    other = shops["other"]
    other.orders["bad"] = order_of("x" * 129)
    other.orders["77"] = order_of("77")
    for order_id in ("bad", "77"):
        ask("other", order_id, clock())
    work()
    assert [key for key, _ in told()] == ["other:77"]
    assert [(row.ask_id, row.attempts) for row in OpenAsk.objects.all()] == [("bad", 1)]
    assert [notice.code for notice in Notice.objects.all()] == ["answer_unusable"]
    other.orders["bad"] = order_of("76")
    clock.later(minutes=1)
    work()
    assert [key for key, _ in told()] == ["other:77", "other:76"]


def test_one_store_away_holds_up_no_other(
    sqlite: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    shops["other"].is_away = True
    ask("other", "1", clock())
    ask("shop", "77", clock())
    shops["shop"].orders["77"] = order_of("77")
    work()
    assert [key for key, _ in told()] == ["shop:77"]


# ------------------------------------------------------------------------------------------------------------ sweep


STORY = (
    ("sell", "77", {"quantity": 2}), ("sell", "78", {}), ("refund", "77", "r1"), ("sell", "b:1", {"paid": False}),
    ("refund", "78", "r2"), ("refund", "77", "r3"),
)  # fmt: skip


def happen(shop: Shop) -> list[dict[str, Any]]:
    """What happened in the store, as the picture of each order after each step."""
    pictures = []
    for step, order_id, more in STORY:
        order = shop.sell(order_id, **more) if step == "sell" else shop.refund(order_id, more)
        pictures.append(json.loads(json.dumps(order)))
    return pictures


def by_order() -> dict[str, list[tuple[str, Any]]]:
    """Each order's events, without the times of telling: what an order's reader sees."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for key, content in told():
        event = content["type"], {**content, "source": "", "order_key": ""}
        found.setdefault(key.partition(":")[2], []).append(event)
    return found


@pytest.mark.parametrize("swept", ["shop", "other"])
def test_the_sweep_alone_finds_what_all_deliveries_bring(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int], swept: str
) -> None:
    delivered = "other" if swept == "shop" else "shop"
    work()  # the sweeps begin
    pictures = happen(shops[delivered])
    shops[delivered].changed.clear()
    for number, picture in enumerate([*pictures, *reversed(pictures)]):
        raw = json.dumps({"orders": [picture]}).encode()
        deliveries.take(conf.stores()[delivered], {"x-delivery": str(number)}, raw, clock())
    brought = by_order()
    assert {order_id: [kind for kind, _ in events] for order_id, events in brought.items()} == {
        "77": ["paid", "refunded", "refunded"], "78": ["paid", "refunded"],
    }  # fmt: skip
    happen(shops[swept])
    clock.later(minutes=11)
    work()
    both = by_order()
    assert {order_id: events[len(brought[order_id]) :] for order_id, events in both.items()} == brought
    work()
    clock.later(minutes=11)
    work()
    assert by_order() == both


def test_a_sweep_reads_further_back_than_the_last_one_ended(
    sqlite: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    began = clock()
    work()
    clock.later(minutes=11)
    work()
    assert shops["shop"].since == [began - sweep.OVERLAP, began - sweep.OVERLAP]
    clock.later(minutes=11)
    work()
    assert shops["shop"].since[-1] == began + timedelta(minutes=11) - sweep.OVERLAP


def test_a_sweep_that_fails_begins_again_where_it_began(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    work()
    began = clock()
    happen(shops["shop"])
    shops["shop"].is_away = True
    for _ in range(3):
        clock.later(minutes=11)
        work()
    row = Sweep.objects.get(source="shop")
    assert (row.since, row.reason) == (began, "the store does not answer")
    assert row.due_at > clock()
    shops["shop"].is_away = False
    clock.later(hours=1)
    work()
    assert kinds("shop:77") == ["paid", "refunded", "refunded"]
    row.refresh_from_db()
    assert (row.since, row.reason) == (clock(), "")


def test_an_order_that_breaks_the_contract_does_not_end_the_sweep(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    shops["shop"].sell("x" * 129)
    shops["shop"].sell("77")
    work()
    assert [key for key, _ in told()] == ["shop:77"]
    assert [(notice.code, notice.source) for notice in Notice.objects.all()] == [("contract_broken", "shop")]


def test_a_rehearsal_counts_and_writes_nothing(database: Any, shops: dict[str, Shop], clock: Clock) -> None:
    for source in ("shop", "other"):
        happen(shops[source])
        swept = sweep.sweep(conf.stores()[source], clock, clock(), is_dry=True)
        assert swept.events > 0
    assert told() == []
    assert not Sweep.objects.exists()
    assert not OpenAsk.objects.exists()


# ---------------------------------------------------------------------------------------------- paused, and settled


def test_one_delivery_that_nobody_can_use_holds_up_none_behind_it(
    database: Any, shops: dict[str, Shop], work: Callable[[], int], clock: Clock
) -> None:
    sources.say("shop", "paused", "the tests")
    for number, seats in enumerate((10**20, 1)):
        raw = json.dumps({"orders": [{**order_of(f"7{number}"), "quantity": seats}]}).encode()
        deliveries.take(conf.stores()["shop"], {}, raw, clock(), is_paused=True)
    sources.say("shop", "running", "the tests")
    work()
    assert [(kept.state, kept.reason) for kept in Delivery.objects.order_by("pk")] == [
        ("set_aside", "contract_broken"), ("done", ""),
    ]  # fmt: skip
    assert len(told()) == 1


def test_what_came_while_a_store_was_paused_is_used_in_its_order_when_it_goes_on(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    sources.say("shop", "paused", "the tests")
    for picture in [*happen(shops["shop"]), {"broken": "order"}]:
        raw = json.dumps({"orders": [picture]}).encode()
        deliveries.take(conf.stores()["shop"], {}, raw, clock(), is_paused=True)
    shops["shop"].changed.clear()
    assert work() == 0
    assert told() == []
    sources.say("shop", "running", "the tests")
    clock.later(seconds=5)
    work()
    assert kinds("shop:77") == ["paid", "refunded", "refunded"]
    states = {state: Delivery.objects.filter(state=state).exclude(raw=None).count() for state in Delivery.State.values}
    assert states == {"received": 0, "done": 0, "set_aside": 1, "discarded": 0}
    assert Delivery.objects.get(state="set_aside").reason == "adapter_failed"


def test_one_process_works_at_a_time(sqlite: Any, shops: dict[str, Shop], clock: Clock) -> None:
    other = Lease(rounds.STAGE, 60)
    assert other.hold()
    ask("shop", "77", clock())
    shops["shop"].orders["77"] = order_of("77")
    here = rounds.Rounds(conf.stores(), clock)
    assert here.once() == 0
    other.release()
    assert here.once() > 0


def test_prometheus_hears_what_waits_of_stores(
    sqlite: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    from commerce_events.bus import metrics
    from commerce_events.stores import overview

    assert overview in metrics.others()
    assert overview.waiting().keys() == overview.GAUGES.keys() <= metrics.gauges().keys()
    assert set(overview.waiting().values()) == {0.0}
    deliveries.take(conf.stores()["shop"], {}, b"{", clock())
    deliveries.take(conf.stores()["shop"], {}, b"{}", clock(), is_paused=True)
    shops["other"].is_away = True
    ask("other", "77", clock())
    work()
    told = overview.waiting()
    counts = ("paused_deliveries", "set_aside_deliveries", "open_asks", "unseen_notices")
    assert [told[name] for name in counts] == [0, 1, 1, 0]  # the store goes on: nothing of it waits
    assert told["open_asks_oldest_seconds"] > 0
    assert told["unswept_seconds"] > 0


def test_a_signal_is_heard_in_the_middle_of_a_sweep_which_begins_again(
    sqlite: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    work()
    began = clock()
    clock.later(minutes=11)
    for number in range(9):
        shops["shop"].sell(str(number))
    steps = iter([False, False, False, True])
    rounds.Rounds(conf.stores(), clock).run(lambda seconds: next(steps, True), Health("", [rounds.STAGE]))
    assert 0 < len(told()) < 9
    assert Sweep.objects.get(source="shop").since == began
    work()
    assert len(told()) == 9


def test_the_same_question_in_a_second_pause_waits_again(
    database: Any, shops: dict[str, Shop], clock: Clock, work: Callable[[], int]
) -> None:
    shops["shop"].orders["77"] = order_of("77")
    for fetched in (1, 2):
        sources.say("shop", "paused", "the tests")
        for _ in range(2):
            deliveries.take(conf.stores()["shop"], {}, b'{"ask": "77"}', clock(), is_paused=True)
        assert Delivery.objects.get().state == "received"
        sources.say("shop", "running", "the tests")
        clock.later(seconds=5)
        work()
        assert shops["shop"].fetched == ["77"] * fetched
