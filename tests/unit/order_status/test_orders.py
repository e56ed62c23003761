"""A published line is followed to its end, and sent again until somebody has answered."""
from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import transaction

from commerce_events import publish_order_paid, publish_order_refunded
from commerce_events.testing import (
    FakeBus,
    fulfillment_completed,
    fulfillment_deferred,
    fulfillment_failed,
    fulfillment_retained,
    fulfillment_revoked,
    fulfillment_skipped,
    order_paid,
    order_refunded,
    refund_requested,
)
from commerce_events.testing.builders import line, refund_line
from consumers.order_status import api
from consumers.order_status.models import Order, OrderLine, Publication, RefundRequest


def paid(order_id: str = "1001", lines: int = 1) -> None:
    with transaction.atomic():
        publish_order_paid(order_paid(order_id, lines=[line(str(i)) for i in range(1, lines + 1)])["order"])


def refunded(order_id: str = "1001", refund_id: str = "r1", *line_ids: str) -> None:
    body = order_refunded(order_id, refund_id=refund_id, lines=[refund_line(each) for each in line_ids])
    with transaction.atomic():
        publish_order_refunded(body["refund"])


def status(order_id: str = "1001") -> str:
    found = api.order_status("shop", order_id)
    assert found is not None
    return found.status


def states(order_id: str = "1001") -> list[str]:
    found = api.order_status("shop", order_id)
    assert found is not None
    return [each.state for each in found.lines]


def alarms(order_id: str = "1001") -> list[str]:
    found = api.order_status("shop", order_id)
    assert found is not None
    return [each.alarm for each in found.lines]


def sends(bus: FakeBus) -> int:
    """Messages on the topic so far."""
    return len(bus.events)


def test_an_order_is_followed_to_its_end(bus: FakeBus) -> None:
    paid(lines=2)
    assert (status(), states()) == ("open", ["published", "published"])
    bus.deliver(fulfillment_completed(line_id="1"))
    assert (status(), states()) == ("partially_fulfilled", ["fulfilled", "published"])
    bus.deliver(fulfillment_deferred(line_id="2"))
    assert (status(), states()) == ("partially_fulfilled", ["fulfilled", "deferred"])
    bus.deliver(fulfillment_completed(line_id="2"))
    assert (status(), states()) == ("fulfilled", ["fulfilled", "fulfilled"])
    refunded("1001", "r1", "1")
    bus.deliver(fulfillment_revoked(line_id="1"))
    assert (status(), states()) == ("fulfilled", ["revoked", "fulfilled"])
    refunded("1001", "r2", "2")
    bus.deliver(fulfillment_retained(line_id="2", refund_id="r2"))
    assert (status(), states()) == ("refunded", ["revoked", "retained"])


def test_results_in_any_order_and_twice_end_alike(small_bus: FakeBus) -> None:
    results = [
        fulfillment_deferred(line_id="1"), fulfillment_completed(line_id="1"), fulfillment_revoked(line_id="1"),
    ]  # fmt: skip
    for number, order in enumerate(itertools.permutations(results)):
        paid(str(number))
        for each in order:
            said = {"order_id": str(number), "order_key": f"shop:{number}", "order_number": str(number)}
            told = {"fulfillment": {**each["fulfillment"], **said}}
            small_bus.deliver(told)
            small_bus.deliver(told)
        assert (status(str(number)), states(str(number))) == ("refunded", ["revoked"])


def test_many_orders_in_one_batch(bus: FakeBus) -> None:
    for number in range(5):
        paid(str(number), lines=2)
    bus.deliver(*(
        result for number in range(5)
        for result in (fulfillment_completed(str(number), "1"), fulfillment_failed(str(number), "2"))
    ))  # fmt: skip
    assert {status(str(number)) for number in range(5)} == {"needs_attention"}
    assert Publication.objects.filter(next_send_at=None).count() == 5


def test_a_line_is_sent_again_until_any_result_has_come(bus: FakeBus) -> None:
    paid()
    assert sends(bus) == 1
    for minutes, expected in ((0.9, 1), (0.2, 2), (4, 2), (1.1, 3), (28, 3), (2.1, 4), (59, 4), (1.1, 5), (60.1, 6)):
        bus.wait(minutes=minutes)
        assert sends(bus) == expected, minutes
    assert len({event.message_id for event in bus.events}) == 1
    bus.deliver(fulfillment_deferred())
    bus.wait(hours=5)
    assert sends(bus) == 6


def test_each_line_of_an_order_must_be_answered(small_bus: FakeBus) -> None:
    paid(lines=2)
    small_bus.deliver(fulfillment_completed(line_id="2"))
    small_bus.wait(minutes=1.1)
    assert sends(small_bus) == 2
    small_bus.deliver(fulfillment_skipped(line_id="1"))
    small_bus.wait(minutes=90)
    assert sends(small_bus) == 2


def test_a_refund_is_sent_again_too(small_bus: FakeBus) -> None:
    paid()
    small_bus.deliver(fulfillment_completed())
    refunded("1001", "r1", "1")
    small_bus.wait(minutes=1.1)
    assert [event.event_type.split(".")[-2] for event in small_bus.events] == ["paid", "refunded", "refunded"]
    small_bus.deliver(fulfillment_revoked())
    small_bus.wait(minutes=90)
    assert sends(small_bus) == 3


def test_a_refund_of_money_alone_is_answered_for_the_order(small_bus: FakeBus) -> None:
    paid()
    small_bus.deliver(fulfillment_completed())
    refunded("1001", "r1")
    small_bus.deliver(fulfillment_retained(line_id=None, reason_code="amount_only_refund"))
    small_bus.wait(minutes=90)
    assert sends(small_bus) == 2
    assert (status(), states()) == ("fulfilled", ["fulfilled"])


def test_the_same_content_published_twice_is_one_order_and_one_wait(small_bus: FakeBus) -> None:
    body = order_paid("1001")["order"]
    for _ in range(2):
        with transaction.atomic():
            publish_order_paid(body)
    assert (Order.objects.count(), OrderLine.objects.count(), Publication.objects.count()) == (1, 1, 1)
    small_bus.relay()
    small_bus.wait(minutes=1.1)
    assert sends(small_bus) == 3


def test_what_was_rolled_back_is_not_followed(small_bus: FakeBus) -> None:
    with transaction.atomic():
        publish_order_paid(order_paid("1001")["order"])
        transaction.set_rollback(True)
    assert api.order_status("shop", "1001") is None


def test_silence_is_an_alarm_until_somebody_answers(bus: FakeBus, caplog: pytest.LogCaptureFixture) -> None:
    paid()
    bus.wait(minutes=14)
    assert (status(), alarms()) == ("open", [""])
    bus.wait(minutes=1.1)
    assert (status(), alarms()) == ("needs_attention", ["no_result"])
    assert [record.message for record in caplog.records if "ALARM" in record.message] == [
        "ALARM no_result: shop:1001 line 1"
    ]
    caplog.clear()
    bus.wait(minutes=30)
    assert not [record for record in caplog.records if "ALARM" in record.message]
    bus.deliver(fulfillment_completed())
    assert (status(), alarms()) == ("fulfilled", [""])


def test_a_refund_that_nobody_answers_is_an_alarm_of_its_line(small_bus: FakeBus) -> None:
    paid()
    small_bus.deliver(fulfillment_completed())
    refunded("1001", "r1", "1")
    small_bus.wait(minutes=16)
    assert (status(), states(), alarms()) == ("needs_attention", ["fulfilled"], ["no_result"])
    small_bus.deliver(fulfillment_revoked())
    assert (status(), alarms()) == ("refunded", [""])


def test_no_end_is_an_alarm_too(small_bus: FakeBus) -> None:
    paid()
    small_bus.deliver(fulfillment_deferred())
    small_bus.wait(hours=71)
    assert alarms() == [""]
    small_bus.wait(hours=1.1)
    assert (status(), alarms()) == ("needs_attention", ["not_final"])
    small_bus.deliver(fulfillment_deferred(reason_code="course_full"))
    assert alarms() == ["not_final"]
    small_bus.deliver(fulfillment_completed())
    assert (status(), alarms()) == ("fulfilled", [""])


def test_orders_of_other_stores_are_passed_over(small_bus: FakeBus, settings: Any) -> None:
    small_bus.deliver(fulfillment_completed("5"))
    assert api.order_status("shop", "5") is None
    settings.COMMERCE_ORDER_STATUS = {"SOURCES": ["shop"]}
    small_bus.deliver(fulfillment_completed("6"))
    assert (status("6"), states("6")) == ("fulfilled", ["fulfilled"])


def test_a_refund_request_is_kept_once_and_settled(bus: FakeBus) -> None:
    paid()
    asked = refund_requested()
    bus.deliver(asked)
    again = {"refund_request": {**asked["refund_request"], "is_within_window": False}}  # the same id: the same question
    bus.deliver(again)
    (row,) = RefundRequest.objects.all()
    assert (row.state, row.lms_user_id, row.is_within_window) == ("open", 7, True)
    assert api.settle_refund_request(row.request_id, "refunded in full").state == "settled"


def test_a_course_and_its_mode_are_known_from_the_order(small_bus: FakeBus) -> None:
    paid()
    found = api.order_status("shop", "1001")
    assert found is not None
    (only,) = found.lines
    assert (only.course_key, only.mode, only.quantity) == ("course-v1:edX+DemoX+2026", "verified", 1)


def test_two_who_send_again_at_once_send_it_once(database: Any, store: None) -> None:
    """Both have seen that it is due; the second finds that it was done."""
    from datetime import UTC, datetime, timedelta

    from consumers.order_status import conf, overdue

    paid()
    now = datetime.now(UTC) + timedelta(minutes=2)
    seen = list(overdue.due(now))
    assert [overdue._again(event, now, conf.options()) for event in (*seen, *seen)] == [True, False]
