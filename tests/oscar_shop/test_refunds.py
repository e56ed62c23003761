"""Refunds: as staff of a plain shop enter them on the dashboard, and as the archived service keeps them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from oscar.core.loading import get_class, get_model

from commerce_events import topics
from commerce_events.stores.adapter import Ask, SignatureError
from commerce_events.stores.oscar.adapter import Oscar
from tests.engines.schema import TestDatabase
from tests.oscar_shop.refund.models import Refund, RefundLine
from tests.oscar_shop.shop import DEMO, OTHER, Shop
from tests.oscar_shop.test_checkout import notices, options

REFUNDED = topics.ORDER_REFUNDED_TYPE
ARCHIVED = {"refunds": "refund_app", "line_ids": "course_key", "owns_lms_user_id": True}


def refunds(shop: Shop) -> list[dict[str, Any]]:
    return [event for event_type, event in shop.events if event_type == REFUNDED]


def test_a_refund_on_the_dashboard_returns_its_seats(shop: Shop) -> None:
    order = shop.buy(shop.seat(), shop.seat(OTHER), user=shop.user(), quantity=2)
    first, second = order.lines.order_by("pk")
    shop.refund(order, {first: 1}, "10.00")
    shop.refund(order, {first: 1, second: 2}, "30.00")
    assert [[(line["line_id"], line["refunded_total"]) for line in event["lines"]] for event in refunds(shop)] == [
        [(str(first.pk), 1)], [(str(first.pk), 2), (str(second.pk), 2)],
    ]  # fmt: skip
    assert [event["is_full"] for event in refunds(shop)] == [False, True]
    assert shop.sweep() == 0


@pytest.mark.slow
def test_a_checkout_and_a_refund_on_each_database(database: TestDatabase) -> None:
    shop = Shop()
    order = shop.buy(shop.seat(), user=shop.user())
    shop.refund(order, {order.lines.get(): 1}, "10.00")
    assert [event.get("is_full") for _, event in shop.events] == [None, True]
    assert shop.sweep() == 0


def test_an_amount_alone_returns_no_seat_until_all_of_it_is_back(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user())
    for amount in ("4.00", "6.00"):
        shop.staff(
            order, order_action="create_order_payment_event", payment_event_type="refunded", amount=amount
        )
    assert [(len(event["lines"]), event["is_full"]) for event in refunds(shop)] == [(0, False), (1, True)]


def test_other_payment_events_are_no_refunds(shop: Shop, settings: Any) -> None:
    options(settings, refund_events=["Given back"])
    order = shop.buy(shop.seat(), user=shop.user())
    shop.refund(order, {order.lines.get(): 1}, "10.00")
    assert refunds(shop) == []


def test_the_refund_and_what_is_told_of_it_are_one_transaction(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user())
    kind = get_model("order", "PaymentEventType").objects.get(name="Refunded")
    line = order.lines.get()
    with pytest.raises(Exception, match="too large"):
        get_class("order.processing", "EventHandler")().handle_payment_event(order, kind, Decimal(10), [line], [5])
    assert (order.payment_events.count(), refunds(shop)) == (0, [])


def test_a_shop_without_our_event_handler_is_swept_once_the_refund_has_its_lines(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user())
    kind = get_model("order", "PaymentEventType").objects.get(name="Refunded")
    event = order.payment_events.create(event_type=kind, amount=Decimal("10.00"))
    assert (shop.sweep(), refunds(shop)) == (0, [])  # its lines are not written yet
    event.line_quantities.create(line=order.lines.get(), quantity=1)
    order.payment_events.update(date_created=timezone.now() - timedelta(minutes=1))
    assert shop.sweep() == 1
    assert refunds(shop)[0]["lines"][0]["quantity"] == 1


def archived_refund(order: Any, *lines: Any) -> Refund:
    refund = Refund.objects.create(order=order, total_credit_excl_tax=sum(line.line_price_excl_tax for line in lines))
    for line in lines:
        RefundLine.objects.create(
            refund=refund, order_line=line, line_credit_excl_tax=line.line_price_excl_tax, quantity=line.quantity
        )
    return refund


def test_a_refund_of_the_archived_service_returns_its_lines(shop: Shop, settings: Any) -> None:
    options(settings, **ARCHIVED)
    order = shop.buy(shop.seat(), shop.seat(OTHER), user=shop.user())
    first, second = order.lines.order_by("pk")
    archived_refund(order, first).approve()
    archived_refund(order, second).approve()
    assert [[line["line_id"] for line in event["lines"]] for event in refunds(shop)] == [[DEMO], [OTHER]]
    assert [event["is_full"] for event in refunds(shop)] == [False, True]
    assert (shop.sweep(), notices()) == (0, [])


@pytest.mark.parametrize("status", ["Open", "Denied", "Payment Refund Error"])
def test_a_refund_whose_money_is_not_back_moves_nothing(shop: Shop, settings: Any, status: str) -> None:
    options(settings, **ARCHIVED)
    order = shop.buy(shop.seat(), user=shop.user())
    refund = archived_refund(order, order.lines.get())
    refund.status = status
    refund.save()
    assert (shop.sweep(), refunds(shop)) == (0, [])


def test_a_refund_whose_revocation_failed_is_found_by_the_sweep(shop: Shop, settings: Any) -> None:
    """The service sends its signal at the very end only; the money is back before."""
    options(settings, **ARCHIVED)
    order = shop.buy(shop.seat(), user=shop.user())
    refund = archived_refund(order, order.lines.get())
    refund.status = "Revocation Error"
    refund.save()
    assert (shop.sweep(), shop.sweep()) == (1, 0)


def test_the_sweep_alone_leads_to_the_same_events(shop: Shop, settings: Any) -> None:
    options(settings, **ARCHIVED)
    order = shop.buy(shop.seat(), shop.seat(OTHER), user=shop.user(), quantity=2)
    first, second = order.lines.order_by("pk")
    archived_refund(order, first).approve()
    archived_refund(order, second).approve()
    told = [(kind, {**event, "occurred_at": "", "source": ""}) for kind, event in shop.events]
    settings.COMMERCE_EVENTS = {
        **settings.COMMERCE_EVENTS, "STORES": {"late": {"KIND": "oscar", "OPTIONS": dict(ARCHIVED)}},
    }  # fmt: skip
    assert shop.sweep() == 3
    late = [(kind, {**event, "occurred_at": "", "source": ""}) for kind, event in shop.events[3:]]
    assert [(kind, {**event, "order_key": ""}) for kind, event in late] == [
        (kind, {**event, "order_key": ""}) for kind, event in told
    ]  # fmt: skip


def test_an_order_that_is_gone_is_told_to_a_person(shop: Shop) -> None:
    (reading,) = Oscar("shop", {}).fetch(Ask("100042"))
    assert [notice.code for notice in reading.notices] == ["order_gone"]  # type: ignore[union-attr]


def test_no_webhook_is_taken() -> None:
    with pytest.raises(SignatureError):
        Oscar("shop", {}).verify({}, b"", ["secret"], timezone.now())
