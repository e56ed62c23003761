"""Saleor: who learns what, and which words of the shop prove it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.stores.fake_saleor import COURSE, OTHER, FakeSaleor
from tests.unit.stores.saleor.hearing import hear, sold


def bought_by(shop: FakeSaleor, **options: Any) -> dict[str, Any]:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    learner: dict[str, Any] = hear(shop, shop.deliver(order_id), **options).events[0][1]["learner"]
    return learner


def test_an_anonymous_checkout_that_types_a_known_address_proves_nothing(shop: FakeSaleor) -> None:
    shop.customer(confirmed=True, lms_user_id="4711", username="learner")
    assert bought_by(shop) == {
        "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": False,
        "store_customer_id": shop.users["learner@example.com"]["id"],
    }  # fmt: skip


def test_ids_of_metadata_count_where_nobody_checks_out_without_a_login(shop: FakeSaleor) -> None:
    shop.customer(lms_user_id="4711", username="learner")
    learner = bought_by(shop, owns_lms_user_id=True)
    assert (learner["lms_user_id"], learner["username"], learner["email"]) == (4711, "learner", None)


@pytest.mark.parametrize("value", ["", "no number", "-1", "0", "1e3", "٤٧", "9" * 5000])
def test_an_id_of_metadata_that_is_no_number_is_left_out(shop: FakeSaleor, value: str) -> None:
    shop.customer(lms_user_id=value)
    learner = bought_by(shop, owns_lms_user_id=True)
    assert (learner["lms_user_id"], learner["email"]) == (None, "learner@example.com")


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_address_is_verified_where_the_shop_confirms_it_and_demands_a_login(
    shop: FakeSaleor, confirmed: bool
) -> None:
    shop.customer(confirmed=confirmed)
    assert bought_by(shop, emails_verified=True)["email_verified"] is confirmed


def test_the_orders_own_address_counts_before_the_accounts_and_is_not_verified_by_it(shop: FakeSaleor) -> None:
    user = shop.customer("other@example.com", confirmed=True)
    order_id = shop.place(shop.line(0), user=user)
    learner = hear(shop, shop.deliver(order_id), emails_verified=True).events[0][1]["learner"]
    assert (learner["email"], learner["email_verified"]) == ("learner@example.com", False)
    order_id = shop.place(shop.line(0), email="", user=user)
    learner = hear(shop, shop.deliver(order_id), emails_verified=True).events[0][1]["learner"]
    assert (learner["email"], learner["email_verified"]) == ("other@example.com", True)


def test_a_guest_is_known_by_the_address(shop: FakeSaleor) -> None:
    learner = bought_by(shop, owns_lms_user_id=True, emails_verified=True)
    assert (learner["email"], learner["email_verified"], learner["store_customer_id"]) == (
        "learner@example.com", False, None,
    )  # fmt: skip


def test_a_user_that_was_nulled_because_the_app_may_not_read_it_leaves_the_address(shop: FakeSaleor) -> None:
    shop.customer(lms_user_id="4711")
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.orders[order_id]["user"] = None
    assert hear(shop, shop.deliver(order_id)).events[0][1]["learner"]["email"] == "learner@example.com"


def test_an_order_without_any_address_waits_for_a_person(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100), email="")
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.codes) == ([], ["learner_missing"])


@pytest.mark.parametrize(("value", "opts_in"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_news_by_mail_is_the_orders_metadata(shop: FakeSaleor, value: str, opts_in: bool) -> None:
    order_id = shop.place(shop.line(0), metadata=[{"key": "email_opt_in", "value": value}])
    assert hear(shop, shop.deliver(order_id)).events[0][1]["email_opt_in"] is opts_in


def item(shop: FakeSaleor, line: dict[str, Any], **options: Any) -> dict[str, Any]:
    order_id = shop.place(line)
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    found: dict[str, Any] = hear(shop, shop.deliver(order_id), **options).events[0][1]["lines"][0]
    return found


def test_course_and_mode_are_the_variants_metadata(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100))
    assert (found["course_key"], found["mode"], found["sku"]) == (COURSE, "verified", "SKU-1")


def test_what_all_variants_share_may_stand_on_the_product(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, **{"openedx.course_key": OTHER, "openedx.mode": "audit"}))
    assert (found["course_key"], found["mode"]) == (OTHER, "verified")


def test_else_the_sku_says_what_it_is(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, mode=None))
    assert (found["course_key"], found["mode"], found["sku"]) == (None, None, "SKU-1")


def test_a_donation_or_a_book_says_its_kind_and_the_prefix_is_the_sites(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, mode=None, **{"campus/product_kind": "other"}), prefix="campus/")
    assert found["product_kind"] == "other"


def test_metadata_of_the_line_is_the_buyers_and_counts_for_nothing(shop: FakeSaleor) -> None:
    line = shop.line(100)
    line["metadata"] = [{"key": "openedx.course_key", "value": OTHER}]
    assert item(shop, line)["course_key"] == COURSE


def test_a_variant_that_was_deleted_is_remembered_from_the_paid_event(shop: FakeSaleor) -> None:
    order_id, (line,) = sold(shop, 100)
    heard = hear(shop, shop.deliver(order_id))
    shop.orders[order_id]["lines"][0]["variant"] = None
    shop.grant(order_id, 100, (line, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard.hear(shop.deliver(order_id))
    assert heard.events[-1][1]["lines"][0]["course_key"] == COURSE
    assert heard.notices == []


def test_a_variant_that_was_deleted_before_anything_was_heard_leaves_the_sku(shop: FakeSaleor) -> None:
    line = shop.line(100)
    line["variant"] = None
    assert item(shop, line)["sku"] == "SKU-1"


@pytest.mark.parametrize(("channels", "is_test"), [([], False), (["default-channel"], True), (["other"], False)])
def test_orders_of_a_test_channel_are_tests(shop: FakeSaleor, channels: list[str], is_test: bool) -> None:
    order_id, _ = sold(shop, 100)
    assert hear(shop, shop.deliver(order_id), test_channels=channels).events[0][1]["is_test"] is is_test
