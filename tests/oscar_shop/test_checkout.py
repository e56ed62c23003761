"""A checkout through Oscar's own views ends in an order event in the outbox, and in an enrollment at the LMS."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from oscar.apps.checkout.signals import post_checkout
from oscar.core.loading import get_model

from commerce_events import topics
from commerce_events.stores.models import Notice
from commerce_events.stores.oscar import checks, handlers
from tests.oscar_shop.shop import DEMO, OTHER, Shop
from tests.unit.fulfillment.site import Site

PAID = topics.ORDER_PAID_TYPE


def options(settings: Any, **said: Any) -> None:
    """What the site says of the shop."""
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {"shop": {"KIND": "oscar", "OPTIONS": said}}}


def notices() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("code", "about"))


def test_a_checkout_publishes_its_order(shop: Shop) -> None:
    learner = shop.user()
    order = shop.buy(shop.seat(), user=learner)
    ((event_type, event),) = shop.events
    assert (event_type, event["order_id"], event["order_number"]) == (PAID, order.number, order.number)
    assert (event["learner"]["email"], event["learner"]["store_customer_id"]) == (learner.email, str(learner.pk))
    (line,) = event["lines"]
    assert (line["product_kind"], line["course_key"], line["mode"], line["quantity"]) == (
        "course_seat", DEMO, "verified", 1,
    )  # fmt: skip


def test_a_checkout_ends_in_an_enrollment_and_a_refund_in_its_reversal(shop: Shop) -> None:
    site = Site()
    site.course(DEMO)
    learner = shop.user()
    order = shop.buy(shop.seat(), user=learner)
    site.deliver(*shop.events)
    assert site.seat(learner) == "verified"
    shop.refund(order, {order.lines.get(): 1}, "10.00")
    site.deliver(*(event for event in shop.events if "lines" in event[1]))
    assert site.seat(learner) is None


def test_a_guest_is_known_by_an_address_that_nobody_verified(shop: Shop) -> None:
    shop.buy(shop.seat())
    ((_, event),) = shop.events
    assert (event["learner"]["email"], event["learner"]["email_verified"]) == ("learner@example.com", False)
    assert event["learner"]["store_customer_id"] is None


def test_several_lines_and_seats(shop: Shop) -> None:
    shop.buy(shop.seat(), shop.seat(OTHER, "professional"), user=shop.user(), quantity=2)
    ((_, event),) = shop.events
    assert [(line["course_key"], line["quantity"]) for line in event["lines"]] == [(DEMO, 2), (OTHER, 2)]


def test_what_costs_nothing_is_paid(shop: Shop) -> None:
    shop.buy(shop.seat(price="0.00"), user=shop.user(), by_transfer=True)
    assert len(shop.events) == 1


def test_placed_is_not_paid(shop: Shop) -> None:
    shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    assert (shop.events, shop.sweep()) == ([], 0)


def test_money_that_comes_later_pays_the_order_at_its_time(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    order.sources.get().debit(Decimal("10.00"))
    ((_, event),) = shop.events
    moved = get_model("payment", "Transaction").objects.get()
    assert event["paid_at"].startswith(f"{moved.date_created:%Y-%m-%dT%H:%M:%S}")
    assert shop.sweep() == 0


def test_a_part_of_the_money_is_not_the_money(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    order.sources.get().debit(Decimal("9.99"))
    assert shop.events == []


def test_a_status_can_say_that_an_order_is_paid(shop: Shop, settings: Any) -> None:
    options(settings, paid_statuses=["Invoiced"])
    order = shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    assert shop.events == []
    shop.staff(order, order_action="change_order_status", new_status="Invoiced")
    ((_, event),) = shop.events
    change = order.status_changes.get()
    assert event["paid_at"].startswith(f"{change.date_created:%Y-%m-%dT%H:%M:%S.%f}")
    shop.staff(order, order_action="change_order_status", new_status="Cancelled")
    assert (len(shop.events), notices()) == (1, [("cancelled_with_money", "")])


@pytest.mark.parametrize(("option", "kinds"), [("notice", []), ("cancellation", ["cancellation"])])
def test_a_paid_order_that_is_cancelled_with_the_money_kept(
    shop: Shop, settings: Any, option: str, kinds: list[str]
) -> None:
    options(settings, cancelled_with_money=option)
    order = shop.buy(shop.seat(), user=shop.user())
    shop.staff(order, order_action="change_order_status", new_status="Cancelled")
    assert [event["refund_kind"] for _, event in shop.events[1:]] == kinds
    assert [code for code, _ in notices()] == ([] if kinds else ["cancelled_with_money"])


def test_an_account_of_the_lms_is_used_only_where_buyers_log_in_with_it(shop: Shop, settings: Any) -> None:
    learner = shop.user()
    shop.buy(shop.seat(), user=learner)
    options(settings, owns_lms_user_id=True)
    shop.buy(shop.seat(), user=learner)
    assert [event["learner"]["username"] for _, event in shop.events] == [None, "learner"]


@pytest.mark.parametrize("kept", [{"lms_user_id": "41"}, {"tracking_context": {"lms_user_id": 41}}])
def test_the_archived_service_keeps_the_lms_s_id_beside_its_users(
    shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    for name, value in kept.items():
        monkeypatch.setattr(get_user_model(), name, value, raising=False)
    shop.buy(shop.seat(), user=shop.user())
    options(settings, owns_lms_user_id=True)
    shop.buy(shop.seat(), user=shop.user("other"))
    assert [event["learner"]["lms_user_id"] for _, event in shop.events] == [None, 41]
    assert shop.events[1][1]["learner"]["email"] is None


def test_a_staging_shop_sells_tests(shop: Shop, settings: Any) -> None:
    options(settings, is_test=True)
    shop.buy(shop.seat(), user=shop.user())
    assert [event["is_test"] for _, event in shop.events] == [True]


def test_a_shop_of_one_site_says_nothing_of_the_others(shop: Shop, settings: Any) -> None:
    options(settings, site_id=2)
    shop.buy(shop.seat(), user=shop.user())
    assert (shop.events, shop.sweep()) == ([], 0)


def test_an_order_that_breaks_the_contract_stops_no_checkout_and_is_shown_to_a_person(shop: Shop) -> None:
    shop.buy(shop.seat("course-v1:edX+" + "x" * 300), user=shop.user())
    assert shop.events == []
    assert [code for code, _ in notices()] == ["contract_broken"]


def test_a_shop_that_nobody_named_is_a_finding_and_wrong_settings_stop_no_checkout(
    shop: Shop, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert checks.shop() == []
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {}}
    assert [found.id for found in checks.shop()] == ["commerce_oscar.W001"]
    options(settings, colour="red")
    assert checks.shop() == []
    shop.buy(shop.seat(), user=shop.user())
    assert shop.events == []
    assert "no order is published" in caplog.text


def test_what_the_shop_takes_back_is_not_published(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    with transaction.atomic():
        order.sources.get().debit(Decimal("10.00"))
        assert len(shop.events) == 1
        transaction.set_rollback(True)
    assert shop.events == []


def test_a_shop_that_dies_between_its_commit_and_ours_loses_nothing(shop: Shop) -> None:
    """The sweep reads the order table; what is heard again afterwards brings nothing new."""
    said: list[Any] = []
    heard, handlers.tell = handlers.tell, said.append
    try:
        order = shop.buy(shop.seat(), user=shop.user())
    finally:
        handlers.tell = heard
    assert said
    assert shop.events == []
    assert (shop.sweep(), len(shop.events), shop.sweep()) == (1, 1, 0)
    post_checkout.send(sender=None, order=order, user=None, request=None, response=None)
    assert len(shop.events) == 1


def test_a_database_that_fails_stops_no_checkout_and_never_hides_that_a_transaction_is_lost(shop: Shop) -> None:
    order = shop.buy(shop.seat(), user=shop.user(), by_transfer=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_stores_storeorder RENAME TO away")
    order.sources.get().debit(Decimal("10.00"))
    assert shop.events == []
    with pytest.raises(DatabaseError), transaction.atomic():
        handlers.tell(order)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO commerce_stores_storeorder")
    assert shop.sweep() == 1
