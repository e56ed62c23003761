"""A store is told, in its order, until it has heard; and nobody waits for a store that does not answer."""
from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import transaction

from commerce_events import publish_order_paid
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.testing import (
    FakeBus,
    fulfillment_completed,
    fulfillment_deferred,
    order_paid,
    refund_requested,
)
from consumers.order_status import calls, conf
from consumers.order_status.caller import Caller
from consumers.order_status.hooks import KINDS
from consumers.order_status.models import Call
from tests.unit.order_status.listener import Hanging, Listener, fail


@pytest.fixture(autouse=True)
def listener(settings: Any, store: None) -> type[Listener]:
    Listener.heard, Listener.answers = [], []
    hook = {"HOOK": "tests.unit.order_status.listener.Listener"}
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": hook}}, "CALL_SECONDS": [10, 60]}
    return Listener


def paid(order_id: str = "1001", source: str = "shop") -> None:
    with transaction.atomic():
        publish_order_paid(order_paid(order_id, source=source)["order"])


def told() -> list[str]:
    return [f"{news.kind} {news.body.get('status', '')}".strip() for news in Listener.heard]


def test_what_has_changed_is_told(bus: FakeBus) -> None:
    paid()
    bus.wait(seconds=1)
    assert told() == []  # the store knows what it has published
    bus.deliver(fulfillment_completed())
    bus.deliver(refund_requested())
    for _ in range(2):  # one after the other, as they are about one order
        bus.wait(seconds=1.1)
    assert told() == ["order.changed fulfilled", "refund.requested"]
    news = Listener.heard[0]
    assert (news.source, news.order_id, news.attempt) == ("shop", "1001", 1)
    (line,) = news.body["lines"]
    assert (line["state"], line["course_key"], line["is_news"]) == ("fulfilled", "course-v1:edX+DemoX+2026", True)
    bus.wait(hours=1)
    assert len(told()) == 2
    assert {news.kind for news in Listener.heard} <= KINDS.keys()


def test_an_alarm_is_told(small_bus: FakeBus) -> None:
    paid()
    small_bus.wait(minutes=16)
    small_bus.wait(seconds=1)
    assert told() == ["order.alarm needs_attention"]


def test_what_says_nothing_new_is_not_told(small_bus: FakeBus) -> None:
    paid()
    small_bus.deliver(fulfillment_deferred())
    small_bus.deliver(fulfillment_deferred())  # another attempt, the same words
    small_bus.wait(seconds=1)
    assert len(told()) == 1


def test_a_store_without_hooks_is_told_nothing(small_bus: FakeBus) -> None:
    paid(source="other")
    small_bus.deliver(fulfillment_completed(source="other"))
    assert not Call.objects.exists()


def test_a_hook_for_every_store(small_bus: FakeBus, settings: Any) -> None:
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"*": settings.COMMERCE_ORDER_STATUS["HOOKS"]["shop"]}}
    paid(source="other")
    small_bus.deliver(fulfillment_completed(source="other"))
    small_bus.wait(seconds=1)
    assert [news.source for news in Listener.heard] == ["other"]


def test_what_fails_comes_again_under_its_id_and_later_each_time(bus: FakeBus) -> None:
    Listener.answers = [fail(TransientError("busy")), fail(ValueError("a fault of the hook"))]
    paid()
    bus.deliver(fulfillment_completed())
    for seconds, expected in ((1, 1), (5, 1), (6, 2), (30, 2), (32, 3), (3600, 3)):
        bus.wait(seconds=seconds)
        assert len(told()) == expected, seconds
    assert len({news.id for news in Listener.heard}) == 1
    assert [news.attempt for news in Listener.heard] == [1, 2, 3]
    (call,) = Call.objects.all()
    assert (call.state, call.due_at, call.error) == ("done", None, "")


def test_what_fails_too_often_waits_for_a_person(small_bus: FakeBus) -> None:
    Listener.answers = [fail(TransientError("HTTP 503"))] * 9
    paid()
    small_bus.deliver(fulfillment_completed())
    for _ in range(5):
        small_bus.wait(minutes=10)
    (call,) = Call.objects.all()
    assert (call.state, call.attempts, call.error) == ("held", 3, "HTTP 503")
    assert calls.retry([call.pk]) == 1
    Listener.answers = []
    small_bus.wait(seconds=1)
    call.refresh_from_db()
    assert call.state == "done"


def test_what_no_repetition_heals_waits_at_once(small_bus: FakeBus) -> None:
    Listener.answers = [fail(OperatorError("the key is refused", hint="Renew it."))]
    paid()
    small_bus.deliver(fulfillment_completed())
    small_bus.wait(seconds=1)
    (call,) = Call.objects.all()
    assert (call.state, call.error) == ("held", "the key is refused Renew it.")


def test_the_calls_about_one_order_keep_their_order_and_others_pass(small_bus: FakeBus) -> None:
    Listener.answers = [fail(TransientError("busy"))]
    paid()
    small_bus.deliver(fulfillment_deferred())
    small_bus.wait(seconds=1)
    small_bus.deliver(fulfillment_completed())
    paid("1002")
    small_bus.deliver(fulfillment_completed("1002"))
    small_bus.wait(seconds=1)
    assert [(news.order_id, news.body["status"]) for news in Listener.heard] == [
        ("1001", "open"), ("1002", "fulfilled"),
    ]  # fmt: skip
    small_bus.wait(seconds=15)
    small_bus.wait(seconds=15)
    assert [(news.order_id, news.body["status"]) for news in Listener.heard[2:]] == [
        ("1001", "open"), ("1001", "fulfilled"),
    ]  # fmt: skip


def test_calls_that_were_made_are_forgotten_in_time(small_bus: FakeBus) -> None:
    Listener.answers = [fail(OperatorError("no", hint="never"))]
    paid()
    small_bus.deliver(fulfillment_deferred())
    small_bus.wait(seconds=1)
    small_bus.deliver(fulfillment_completed())
    small_bus.wait(days=29)
    assert sorted(Call.objects.values_list("state", flat=True)) == ["done", "held"]
    small_bus.wait(days=31)
    assert list(Call.objects.values_list("state", flat=True)) == ["held"]


def test_a_call_that_was_held_lets_the_next_one_pass(small_bus: FakeBus) -> None:
    Listener.answers = [fail(OperatorError("no", hint="never"))]
    paid()
    small_bus.deliver(fulfillment_deferred())
    small_bus.wait(seconds=1)
    small_bus.deliver(fulfillment_completed())
    small_bus.wait(seconds=1)
    assert [news.body["status"] for news in Listener.heard] == ["open", "fulfilled"]


def test_a_process_that_died_in_a_call_leaves_it_to_the_next(database: Any, store: None, settings: Any) -> None:
    bus = FakeBus(outbox=True)
    paid()
    bus.deliver(fulfillment_completed())
    first, second = Caller(conf.options()), Caller(conf.options())
    assert len(first._claimed(bus.now)) == 1  # and no more was heard of it
    assert second(bus.now) == 0
    bus.wait(minutes=2)
    assert told() == ["order.changed fulfilled"]


def test_calls_of_different_orders_are_made_at_once(small_bus: FakeBus) -> None:
    together = threading.Barrier(3)  # none gets on before all three are there

    def meet() -> None:
        together.wait(20)

    Listener.answers = [meet] * 3
    for number in range(3):
        paid(str(number))
    small_bus.deliver(*(fulfillment_completed(str(number)) for number in range(3)))
    assert Caller(conf.options())(small_bus.now) == 3
    assert set(Call.objects.values_list("state", flat=True)) == {"done"}


def test_a_shop_that_hangs_delays_no_other(small_bus: FakeBus, settings: Any) -> None:
    """However many calls it has waiting, and older than those of the others."""
    hook = {"HOOK": "tests.unit.order_status.listener.Listener"}
    slow = {"HOOK": "tests.unit.order_status.listener.Hanging"}
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": slow}, "other": {"notes": hook}}}
    Hanging.release.clear()
    for number in range(70):
        paid(str(number))
    small_bus.deliver(*(fulfillment_completed(str(number)) for number in range(70)))
    for number in range(6):
        paid(str(number), "other")
    small_bus.deliver(*(fulfillment_completed(str(number), source="other") for number in range(6)))
    caller, now = Caller(conf.options()), small_bus.now
    try:
        for _ in range(3):
            caller(now)
        assert len(Listener.heard) == 6
        assert Call.objects.filter(source="shop", due_at__gt=now).count() == 4, "as many as are on their way"
    finally:
        Hanging.release.set()
    caller(now)
    assert Call.objects.filter(source="shop", state="done").count() >= 4


def test_a_rolled_back_result_tells_nobody(small_bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    paid()
    monkeypatch.setattr("consumers.order_status.models.Call.objects.bulk_create", fail_always)
    with pytest.raises(ZeroDivisionError):
        small_bus.deliver(fulfillment_completed())
    monkeypatch.undo()
    from consumers.order_status import api

    found = api.order_status("shop", "1001")
    assert found is not None and found.status == "open"


def fail_always(*_: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(("said", "word"), [
    ({"HOOK": "no.where.Hook"}, "ImportError|ModuleNotFoundError"),
    ({"HOOK": "tests.unit.order_status.listener.Listener", "COLOUR": "red"}, "TypeError"),
    ({}, "KeyError"),
    ({"HOOK": "tests.unit.order_status.listener.Listener", "WORD": "env:NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
])  # fmt: skip
def test_a_hook_that_cannot_be_made_is_named(said: dict[str, Any], word: str, settings: Any) -> None:
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": said}}}
    with pytest.raises(OperatorError, match=word):
        conf.hook(conf.options(), "shop", "notes")


def test_a_secret_comes_from_the_environment(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_WORD", "xyzzy")
    hook = {"HOOK": "tests.unit.order_status.listener.Listener", "WORD": "env:THE_WORD"}
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": hook}}}
    made = conf.hook(conf.options(), "shop", "notes")
    assert isinstance(made, Listener) and made.word == "xyzzy"


@pytest.mark.parametrize("said", [
    {"COLOUR": "red"}, {"RESEND_MINUTES": []}, {"RESEND_MINUTES": "1"}, {"CALL_SECONDS": [0]},
])  # fmt: skip
def test_a_setting_that_cannot_be_right_is_refused(said: dict[str, Any], settings: Any) -> None:
    settings.COMMERCE_ORDER_STATUS = said
    with pytest.raises(OperatorError):
        conf.options()
