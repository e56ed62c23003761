"""WooCommerce: every fact of its documentation, and the same events whatever is delivered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_events import topics
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Nothing, SignatureError, adapter
from commerce_events.stores.snapshot import Notice, Snapshot
from commerce_events.stores.woocommerce.adapter import WooCommerce
from tests.unit.stores.fake_woocommerce import COURSE, KEY, KEY_SECRET, OTHER, FakeWooCommerce, meta
from tests.unit.stores.listening import NOW, Listener, Request
from tests.unit.stores.serving import served

PAID, REFUNDED = topics.ORDER_PAID_TYPE, topics.ORDER_REFUNDED_TYPE
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> FakeWooCommerce:
    return FakeWooCommerce()


@pytest.fixture
def url(shop: FakeWooCommerce) -> Iterator[str]:
    with served(shop) as address:
        yield address


@pytest.fixture
def api(url: str) -> dict[str, Any]:
    return {"url": url, "consumer_key": KEY, "consumer_secret": KEY_SECRET}


def listener(**options: Any) -> Listener:
    return Listener(WooCommerce("shop", options))


def read(request: Request, **options: Any) -> Snapshot:
    (reading,) = WooCommerce("shop", options).read(*request)
    assert isinstance(reading, Snapshot)
    return reading


def paid_order(shop: FakeWooCommerce, **more: Any) -> int:
    order_id = shop.place(shop.line(shop.product(), meta_data=meta(_course_id=COURSE, _mode="verified")), **more)
    shop.pay(order_id)
    return order_id


def story(shop: FakeWooCommerce) -> tuple[int, list[Request]]:
    """Paid, partly refunded, fully refunded; with every webhook rendered when it happened."""
    first, second = shop.line(shop.product()), shop.line(shop.product(OTHER, "professional"), 2)
    order_id = shop.place(first, second)
    heard = [shop.webhook(order_id, "order.created")]
    shop.pay(order_id)
    heard.append(shop.webhook(order_id))
    shop.refund(order_id, {second["id"]: 1})
    heard.append(shop.webhook(order_id))
    shop.refund(order_id, {first["id"]: 1, second["id"]: 1})
    heard.append(shop.webhook(order_id))
    return order_id, heard


# the same events, whatever is delivered


def test_one_collapsed_picture_tells_paid_partly_refunded_and_fully_refunded(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    _, heard = story(shop)
    events = listener(**api).hear(heard[-1]).events
    assert [event_type for event_type, _ in events] == [PAID, REFUNDED, REFUNDED]
    assert [(line["course_key"], line["mode"], line["quantity"]) for line in events[0][1]["lines"]] == [
        (COURSE, "verified", 1), (OTHER, "professional", 2),
    ]  # fmt: skip
    assert [body["is_full"] for _, body in events[1:]] == [False, True]
    assert [[line["refunded_total"] for line in body["lines"]] for _, body in events[1:]] == [[1], [1, 2]]


def test_as_it_happens_out_of_order_twice_collapsed_or_never_the_same_events(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    as_it_happens = listener(**api)
    first, second = shop.line(shop.product()), shop.line(shop.product(OTHER, "professional"), 2)
    order_id = shop.place(first, second)
    heard = [shop.webhook(order_id, "order.created")]
    as_it_happens.hear(heard[-1])
    for step in (
        lambda: shop.pay(order_id),
        lambda: shop.refund(order_id, {second["id"]: 1}),
        lambda: shop.refund(order_id, {first["id"]: 1, second["id"]: 1}),
    ):
        step()
        heard.append(shop.webhook(order_id))
        as_it_happens.hear(heard[-1])
    told = as_it_happens.events
    assert [event_type for event_type, _ in told] == [PAID, REFUNDED, REFUNDED]
    assert listener(**api).sweep(BEFORE).events == told
    assert as_it_happens.sweep(BEFORE).hear(*heard).events == told
    for order in itertools.permutations(heard):
        assert listener(**api).hear(*order, *order).events == told


def test_without_the_rest_api_old_pictures_in_any_order_lead_to_the_same_events(shop: FakeWooCommerce) -> None:
    product = shop.product(sku="SKU-1")
    line = shop.line(product, 2)
    order_id = shop.place(line)
    heard = [shop.webhook(order_id)]
    shop.pay(order_id)
    heard.append(shop.webhook(order_id))
    shop.refund(order_id, amount=5)
    heard.append(shop.webhook(order_id))
    shop.refund(order_id, amount=15)
    heard.append(shop.webhook(order_id))

    def told(*order: Request) -> list[tuple[str, Any, Any]]:
        events = listener().hear(*order).events
        return [(event_type, body.get("refund_id"), body.get("is_full")) for event_type, body in events]

    right = told(heard[-1])
    assert [full for _, _, full in right] == [None, False, True]
    for order in itertools.permutations(heard):
        assert told(*order, heard[-1]) == right


def test_the_sweep_loses_no_order_that_changes_while_it_pages(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    orders = [paid_order(shop) for _ in range(230)]
    seen = []
    for at, reading in enumerate(WooCommerce("shop", api).changed(BEFORE)):
        assert isinstance(reading, Snapshot)
        seen.append(reading.order_id)
        if at == 50:
            shop.change(orders[3], customer_note="moved to the end while the first page is read")
    assert set(seen) == {str(order_id) for order_id in orders}


def test_the_sweep_pages_through_a_second_that_holds_more_than_a_page(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    orders = [paid_order(shop) for _ in range(120)]
    for order_id in orders:
        shop.orders[order_id].update(date_modified_gmt="2026-05-09T12:00:00", date_modified="2026-05-09T09:00:00")
    assert len(list(WooCommerce("shop", api).changed(BEFORE))) == 120


def test_the_sweep_asks_in_utc(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    paid_order(shop)
    changed = shop.now - timedelta(minutes=1)
    here = WooCommerce("shop", api)
    assert len(list(here.changed(changed - timedelta(seconds=1)))) == 1
    assert list(here.changed(changed + timedelta(seconds=1))) == []


# paid


def test_there_is_no_event_for_paid_only_the_date_tells(shop: FakeWooCommerce) -> None:
    order_id = shop.place(shop.line(shop.product(sku="SKU-1")))
    assert listener().hear(shop.webhook(order_id, "order.created")).events == []
    shop.pay(order_id)
    assert [event_type for event_type, _ in listener().hear(shop.webhook(order_id)).events] == [PAID]


def test_virtual_and_downloadable_orders_are_paid_without_having_been_in_processing(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    shop.change(order_id, status="completed")
    assert read(shop.webhook(order_id)).paid_at


def test_the_date_of_payment_survives_a_refund(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    at = read(shop.webhook(order_id)).paid_at
    shop.refund(order_id, amount=10)
    told = listener(**api).hear(shop.webhook(order_id)).events
    assert at is not None
    assert [told[0][1]["paid_at"], len(told)] == [f"{at:%Y-%m-%dT%H:%M:%S}.000000+00:00", 2]


def test_only_gmt_fields_are_utc_and_they_have_no_zone(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    assert read(shop.webhook(order_id)).paid_at == datetime(2026, 5, 1, 12, 1, tzinfo=UTC)
    assert shop.orders[order_id]["date_paid"] == "2026-05-01T09:01:00"


def test_cash_on_delivery_is_not_paid_until_the_order_is_completed(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop, method="cod")
    assert read(shop.webhook(order_id)).paid_at is None
    assert read(shop.webhook(order_id), unpaid_methods=[]).paid_at == datetime(2026, 5, 1, 12, 1, tzinfo=UTC)
    shop.complete(order_id)
    assert read(shop.webhook(order_id)).paid_at == datetime(2026, 5, 1, 12, 2, tzinfo=UTC)


def test_other_unpaid_methods_can_be_named(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop, method="invoice")
    assert read(shop.webhook(order_id)).paid_at
    assert read(shop.webhook(order_id), unpaid_methods=["cod", "invoice"]).paid_at is None


def test_an_order_that_costs_nothing_is_paid(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop, total="0.00")
    assert len(listener().hear(shop.webhook(order_id)).events) == 1


def test_a_line_added_after_payment_is_told_to_a_person_because_the_store_shows_no_money_for_it(
    shop: FakeWooCommerce
) -> None:
    order_id = paid_order(shop)
    heard, trusting = listener(), listener(late_lines="emit")
    for here in (heard, trusting):
        here.hear(shop.webhook(order_id))
    added = shop.line(shop.product(), meta_data=meta(_course_id=OTHER, _mode="verified"))
    shop.change(order_id, line_items=[*shop.orders[order_id]["line_items"], added], total="20.00")
    assert heard.hear(shop.webhook(order_id)).notices == [Notice(code="line_without_money", about=str(added["id"]))]
    assert len(heard.events) == 1
    trusting.hear(shop.webhook(order_id))
    assert [[line["course_key"] for line in body["lines"]] for _, body in trusting.events] == [[COURSE], [OTHER]]


@pytest.mark.parametrize("status", ["cancelled", "failed", "pending", "on-hold", "trash"])
def test_a_paid_order_that_is_cancelled_or_in_doubt_with_the_money_kept_is_a_notice(
    shop: FakeWooCommerce, status: str
) -> None:
    order_id = paid_order(shop)
    shop.change(order_id, status=status)
    here = listener().hear(shop.webhook(order_id))
    assert [event_type for event_type, _ in here.events] == [PAID]
    assert here.codes == [f"{status.replace('-', '_')}_with_money"]


def test_a_paid_order_that_is_cancelled_is_a_cancellation_where_the_site_says_so(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    shop.change(order_id, status="cancelled")
    here = listener(cancelled_with_money="cancellation").hear(shop.webhook(order_id))
    assert [(body.get("refund_kind"), body.get("is_full")) for _, body in here.events] == [
        (None, None), ("cancellation", True),
    ]  # fmt: skip
    assert here.codes == []


def test_a_cancelled_order_whose_money_is_back_is_its_refund_alone(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, amount=10)
    shop.change(order_id, status="cancelled")
    here = listener(**api, cancelled_with_money="cancellation").hear(shop.webhook(order_id))
    assert [(body.get("refund_kind"), body.get("is_full")) for _, body in here.events[1:]] == [("refund", True)]
    assert listener(**api).hear(shop.webhook(order_id)).codes == []


def test_an_unpaid_order_that_is_cancelled_says_nothing(shop: FakeWooCommerce) -> None:
    order_id = shop.place(shop.line(shop.product(sku="SKU-1")))
    shop.change(order_id, status="cancelled")
    here = listener(cancelled_with_money="cancellation").hear(shop.webhook(order_id))
    assert (here.events, here.notices) == ([], [])


# who


def test_a_guest_is_customer_zero_and_known_by_an_address_that_nobody_verified(shop: FakeWooCommerce) -> None:
    learner = read(shop.webhook(paid_order(shop))).learner
    assert (learner.store_customer_id, learner.email, learner.email_verified) == (None, "learner@example.com", False)


def test_a_customer_has_an_id_and_still_no_verified_address(shop: FakeWooCommerce) -> None:
    learner = read(shop.webhook(paid_order(shop, customer_id=26))).learner
    assert (learner.store_customer_id, learner.email_verified) == ("26", False)


def test_an_lms_user_id_counts_only_where_the_store_owns_it(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop, meta_data=meta(_lms_user_id="41"))
    assert read(shop.webhook(order_id)).learner.lms_user_id is None
    assert read(shop.webhook(order_id), owns_lms_user_id=True).learner.lms_user_id == 41
    for text in ("no number", "²", "9" * 5000):
        shop.change(order_id, meta_data=meta(_lms_user_id=text))
        assert read(shop.webhook(order_id), owns_lms_user_id=True).learner.lms_user_id is None


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"meta_data": meta(_wcpay_mode="test")}, {}),
        ({"method": "sandbox"}, {"test_methods": ["sandbox"]}),
        ({}, {"is_test": True}),
    ],
)
def test_test_orders_say_so(shop: FakeWooCommerce, fields: dict[str, Any], options: dict[str, Any]) -> None:
    assert not read(shop.webhook(paid_order(shop))).is_test
    assert read(shop.webhook(paid_order(shop, **fields)), **options).is_test


def test_the_id_never_changes_and_the_number_is_for_people(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    snapshot = read(shop.webhook(order_id))
    assert (snapshot.order_id, snapshot.order_number) == (str(order_id), f"A-{order_id}")


# what


def test_the_course_is_not_in_the_order_so_the_product_is_looked_up(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    product = shop.product(OTHER, "professional", sku="SKU-1")
    order_id = shop.place(shop.line(product), shop.line(product))
    shop.pay(order_id)
    (reading,) = WooCommerce("shop", api).read(*shop.webhook(order_id))
    assert reading == Ask(str(order_id))
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert [(line["course_key"], line["mode"], line["sku"]) for line in body["lines"]] == [
        (OTHER, "professional", "SKU-1")
    ] * 2
    assert shop.asked.count(f"products/{product}") == 1


def test_a_line_that_says_its_course_needs_no_question(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert (body["lines"][0]["course_key"], shop.asked) == (COURSE, [])


def test_the_lines_own_course_counts_before_its_products(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = shop.place(shop.line(shop.product(OTHER), meta_data=meta(_course_id=COURSE)))
    shop.pay(order_id)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert (body["lines"][0]["course_key"], body["lines"][0]["mode"]) == (COURSE, "verified")


def test_a_variation_counts_before_its_product(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    parent = shop.product(COURSE, "verified")
    variation = shop.product(COURSE, "credit", sku="SKU-2", parent=parent)
    order_id = shop.place(shop.line(parent, variation=variation))
    shop.pay(order_id)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert (body["lines"][0]["mode"], body["lines"][0]["sku"]) == ("credit", "SKU-2")


def test_a_variation_that_says_nothing_is_its_product(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    parent = shop.product(COURSE, "verified")
    order_id = shop.place(shop.line(parent, variation=shop.product(None, parent=parent)))
    shop.pay(order_id)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert (body["lines"][0]["course_key"], body["lines"][0]["mode"]) == (COURSE, "verified")


def test_without_course_the_sku_goes_to_the_lms(shop: FakeWooCommerce) -> None:
    order_id = shop.place(shop.line(shop.product(None, sku="SKU-1")))
    shop.pay(order_id)
    (item,) = read(shop.webhook(order_id)).items
    assert (item.product_kind, item.sku, item.course_key) == ("course_seat", "SKU-1", None)


def test_what_is_known_to_be_no_course_is_another_product(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = shop.place(shop.line(shop.product(None)), shop.line(shop.product(None, sku="T-SHIRT")))
    shop.pay(order_id)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert [line["product_kind"] for line in body["lines"]] == ["other", "course_seat"]
    ((_, body),) = listener(**api, by_sku=False).hear(shop.webhook(order_id)).events
    assert [line["product_kind"] for line in body["lines"]] == ["other", "other"]


def test_seats_are_whole_also_where_a_plugin_counts_in_fractions(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    shop.orders[order_id]["line_items"][0]["quantity"] = 2.0
    assert read(shop.webhook(order_id)).items[0].quantity == 2
    shop.orders[order_id]["line_items"][0]["quantity"] = 1.5
    with pytest.raises(BodyError, match="quantity is not a whole number"):
        read(shop.webhook(order_id))


def test_other_kinds_of_products_are_named_by_their_product(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    gift, bundle = shop.product(None), shop.product(None)
    shop.products[str(gift)]["meta_data"] = meta(_product_kind="donation")
    uuid = "0f9c2fd1-6a6c-4a5b-8f34-5f0b3f1a9f4e"
    fields = meta(_product_kind="course_entitlement", _course_uuid=uuid, _mode="verified")
    shop.products[str(bundle)]["meta_data"] = fields
    order_id = shop.place(shop.line(gift), shop.line(bundle))
    shop.pay(order_id)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert [(line["product_kind"], line["course_uuid"]) for line in body["lines"]] == [
        ("donation", None), ("course_entitlement", uuid),
    ]  # fmt: skip


def test_a_deleted_product_leaves_its_sku_null_and_a_person_is_told(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    product = shop.product()
    del shop.products[str(product)]
    line = shop.line(product)
    assert line["sku"] is None
    order_id = shop.place(line)
    shop.pay(order_id)
    here = listener(**api).hear(shop.webhook(order_id))
    assert here.notices == [Notice(code="product_gone", about=str(line["id"]))]
    assert here.events[0][1]["lines"][0]["product_kind"] == "course_seat"


def test_nobody_is_told_of_a_product_that_was_not_sold_or_has_none(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    unpaid = shop.place(shop.line(4711))
    assert listener().hear(shop.webhook(unpaid)).notices == []
    plain = shop.place(shop.line(shop.product(None)))
    shop.pay(plain)
    for options in ({}, api):
        assert listener(**options).hear(shop.webhook(plain)).notices == []


def test_a_product_deleted_after_payment_is_still_named_in_the_refund(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    line = shop.line(shop.product())
    order_id = shop.place(line)
    shop.pay(order_id)
    here = listener(**api).hear(shop.webhook(order_id))
    shop.products.clear()
    line["sku"] = None
    shop.refund(order_id, {line["id"]: 1})
    here.hear(shop.webhook(order_id))
    assert here.events[1][1]["lines"][0]["course_key"] == COURSE


def test_a_bundle_is_its_children(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    first, second, order_id = bundle(shop)
    ((_, body),) = listener(**api).hear(shop.webhook(order_id)).events
    assert [line["line_id"] for line in body["lines"]] == [str(first["id"]), str(second["id"])]


def test_refunding_the_container_of_a_bundle_refunds_its_children(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    first, second, order_id = bundle(shop)
    container = shop.orders[order_id]["line_items"][0]
    shop.refund(order_id, {container["id"]: 1}, amount=5)
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert {line["line_id"]: line["refunded_total"] for line in refund["lines"]} == {
        str(first["id"]): 1, str(second["id"]): 2,
    }  # fmt: skip


def test_a_child_that_is_named_beside_its_container_counts_once(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    first, second, order_id = bundle(shop)
    container = shop.orders[order_id]["line_items"][0]
    shop.refund(order_id, {container["id"]: 1, second["id"]: 1}, amount=5)
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert {line["line_id"]: line["refunded_total"] for line in refund["lines"]} == {
        str(first["id"]): 1, str(second["id"]): 1,
    }  # fmt: skip


def bundle(shop: FakeWooCommerce) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Two of a bundle, which holds one seat of a course and two of another."""
    container = shop.line(shop.product(None, sku="BUNDLE"), 2)
    first = shop.line(shop.product(), 2, total="0.00", bundled_by=str(container["id"]), bundled_items=[])
    second = shop.line(shop.product(OTHER), 4, total="0.00", bundled_by=str(container["id"]), bundled_items=[])
    container.update(bundled_by="", bundled_items=[first["id"], second["id"]])
    order_id = shop.place(container, first, second)
    shop.pay(order_id)
    return first, second, order_id


# refunds


def test_lines_of_a_refund_come_from_the_api_alone_negative_and_with_the_line_as_text(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    line = shop.line(shop.product(), 3)
    order_id = shop.place(line)
    shop.pay(order_id)
    refund_id = shop.refund(order_id, {line["id"]: 2})
    assert set(shop.rendered(order_id)["refunds"][0]) == {"id", "reason", "total"}
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    (given,) = refund["lines"]
    assert (refund["refund_id"], given["line_id"], given["quantity"], given["ordered_quantity"]) == (
        str(refund_id), str(line["id"]), 2, 3,
    )  # fmt: skip


def test_all_pages_of_refunds_are_read(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    line = shop.line(shop.product(), 130)
    order_id = shop.place(line)
    shop.pay(order_id)
    for _ in range(120):
        shop.refund(order_id, {line["id"]: 1})
    events = listener(**api).hear(shop.webhook(order_id)).events
    assert len(events) == 121
    assert [body["lines"][0]["refunded_total"] for _, body in events[1:]] == list(range(1, 121))


def test_an_amount_alone_has_no_lines_and_returns_no_seat(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, amount=2.5)
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert (refund["lines"], refund["is_full"]) == ([], False)


def test_a_line_refunded_with_quantity_zero_is_money_and_no_seat(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, {shop.orders[order_id]["line_items"][0]["id"]: 0}, amount=2.5)
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert (refund["lines"], refund["is_full"]) == ([], False)


def test_an_order_set_to_refunded_by_hand_has_no_lines_and_is_refunded_in_full(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    line = shop.line(shop.product(), 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund(order_id, {line["id"]: 1})
    shop.refund(order_id, amount=10)
    assert shop.orders[order_id]["status"] == "refunded"
    _, _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert (refund["is_full"], [entry["refunded_total"] for entry in refund["lines"]]) == (True, [2])


def test_all_the_money_back_is_a_full_refund_in_whatever_state_the_order_is(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, amount=10)
    shop.change(order_id, status="a-state-of-a-plugin")
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert refund["is_full"]


def test_refunded_while_money_is_kept_is_a_notice(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.change(order_id, status="refunded")
    here = listener(**api).hear(shop.webhook(order_id))
    assert ([event_type for event_type, _ in here.events], here.codes) == ([PAID], ["refunded_without_money"])


def test_a_free_order_that_is_set_to_refunded_is_reversed_without_a_refund(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    order_id = paid_order(shop, total="0.00")
    shop.change(order_id, status="refunded")
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert (refund["refund_id"], refund["is_full"]) == ("refunded", True)


def test_a_deleted_refund_is_a_notice_and_totals_never_go_down(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    line = shop.line(shop.product(), 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    refund_id = shop.refund(order_id, {line["id"]: 1})
    here = listener(**api).hear(shop.webhook(order_id))
    shop.delete_refund(order_id, refund_id)
    here.hear(shop.webhook(order_id)).sweep(BEFORE)
    assert shop.rendered(order_id)["refunds"] == []
    assert here.notices == [Notice(code="refund_gone", about=str(refund_id))]
    assert len(here.events) == 2
    shop.refund(order_id, {line["id"]: 1})
    assert here.hear(shop.webhook(order_id)).events[-1][1]["lines"][0]["refunded_total"] == 2


def test_without_the_rest_api_a_refund_is_an_amount_and_a_person_is_told(shop: FakeWooCommerce) -> None:
    order_id = paid_order(shop)
    refund_id = shop.refund(order_id, amount=4)
    here = listener().hear(shop.webhook(order_id))
    assert (here.events[1][1]["lines"], here.notices) == (
        [], [Notice(code="refund_lines_unknown", about=str(refund_id))],
    )  # fmt: skip


def test_a_refund_between_two_answers_of_the_store_is_not_read_by_half(
    shop: FakeWooCommerce, api: dict[str, Any]
) -> None:
    line = shop.line(shop.product(), 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    answer, moved = shop.get, []

    def get(path: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        if path.endswith("/refunds") and not moved:
            moved.append(shop.refund(order_id, {line["id"]: 2}))
        return answer(path, query, headers)

    shop.get = get  # type: ignore[method-assign]
    _, (_, refund) = listener(**api).hear(shop.webhook(order_id)).events
    assert refund["is_full"]
    assert shop.asked.count(f"orders/{order_id}") == 2


def test_an_order_that_never_rests_is_asked_again_later(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    order_id = paid_order(shop, total="1000.00")
    answer = shop.get

    def get(path: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        if path.endswith("/refunds"):
            shop.refund(order_id, amount=1)
        return answer(path, query, headers)

    shop.get = get  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        WooCommerce("shop", api).fetch(Ask(str(order_id)))


# deliveries


def test_the_creation_ping_is_form_encoded_unsigned_and_let_through(shop: FakeWooCommerce) -> None:
    here = WooCommerce("shop", {})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    here.verify(headers, b"webhook_id=5", ["secret"], NOW)
    assert here.delivery(headers, b"webhook_id=5") is None
    assert [type(reading) for reading in here.read(headers, b"webhook_id=5")] == [Nothing]


@pytest.mark.parametrize("raw", [b"webhook_id=5&more=1", b"webhook_id=", b"webhook_id=x", b" webhook_id=5", b"", b"{}"])
def test_nothing_but_the_ping_is_let_through_unsigned(raw: bytes) -> None:
    with pytest.raises(SignatureError):
        WooCommerce("shop", {}).verify({}, raw, ["secret"], NOW)


def test_two_states_within_a_second_are_two_deliveries(shop: FakeWooCommerce) -> None:
    """The store's own delivery id is made of the second, and so is the time of modification."""
    order_id = shop.place(shop.line(shop.product(sku="SKU-1")))
    before = shop.webhook(order_id)
    shop.now -= timedelta(minutes=1)
    shop.pay(order_id)
    shop.now -= timedelta(minutes=1)
    after = shop.webhook(order_id)
    here = WooCommerce("shop", {})
    assert json.loads(before[1])["date_modified_gmt"] == json.loads(after[1])["date_modified_gmt"]
    assert here.delivery(*before) != here.delivery(*after)
    assert here.delivery(*after) == here.delivery(*shop.webhook(order_id, "order.created"))
    assert len(listener().hear(before, after).events) == 1


def test_a_signed_error_in_place_of_the_order_is_set_aside(shop: FakeWooCommerce) -> None:
    """What the store renders, and signs, once the webhook's owner was deleted."""
    body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry.", "data": {"status": 401}}
    request = shop.signed(json.dumps(body).encode())
    here = WooCommerce("shop", {})
    here.verify(*request, ["secret"], NOW)
    with pytest.raises(BodyError, match="owner of the webhook"):
        here.read(*request)


def test_an_order_of_the_legacy_api_is_set_aside(shop: FakeWooCommerce) -> None:
    with pytest.raises(BodyError, match="line_items is missing"):
        read(shop.signed(json.dumps({"order": {"id": 4}}).encode()))


@pytest.mark.parametrize("has_api", [True, False])
def test_a_deleted_order_is_told_to_a_person(shop: FakeWooCommerce, api: dict[str, Any], has_api: bool) -> None:
    order_id = paid_order(shop)
    here = listener(**(api if has_api else {})).hear(shop.webhook(order_id))
    gone = shop.webhook(order_id, "order.deleted")
    del shop.orders[order_id]
    assert here.hear(gone).codes == ["order_gone"]
    assert len(here.events) == 1


@pytest.mark.parametrize("body", [b'{"id": 4}', b"{}", b'{"id": 4, "status": "processing", "line_items": null}'])
def test_a_body_that_is_no_order_is_set_aside(shop: FakeWooCommerce, api: dict[str, Any], body: bytes) -> None:
    for options in ({}, api):
        with pytest.raises(BodyError):
            WooCommerce("shop", options).read(*shop.signed(body))


def test_webhooks_that_are_not_of_orders_say_nothing(shop: FakeWooCommerce) -> None:
    here = WooCommerce("shop", {})
    assert [type(reading) for reading in here.read(*shop.signed(b'{"id": 3}', "product.updated"))] == [Nothing]


# the source's options


def test_the_kind_is_known_by_its_name() -> None:
    assert isinstance(adapter("woocommerce", "shop", {}), WooCommerce)


@pytest.mark.parametrize(
    "options",
    [
        {"course_metta": "_course"},
        {"by_sku": "yes"},
        {"cancelled_with_money": "ignore"},
        {"url": "https://shop.example.com"},
        {"url": "http://shop.example.com", "consumer_key": "ck", "consumer_secret": "cs"},
    ],
)
def test_wrong_options_are_refused_with_a_hint(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError) as raised:
        WooCommerce("shop", options)
    assert raised.value.hint


def test_the_keys_are_in_no_text_of_ours(api: dict[str, Any]) -> None:
    assert KEY_SECRET not in repr(WooCommerce("shop", api).options)


def test_without_the_rest_api_the_sweep_says_what_to_set() -> None:
    with pytest.raises(OperatorError, match="not set up"):
        list(WooCommerce("shop", {}).changed(BEFORE))


def test_a_wrong_key_is_for_a_person_and_a_busy_store_for_later(shop: FakeWooCommerce, api: dict[str, Any]) -> None:
    with pytest.raises(OperatorError, match="refuses our key"):
        WooCommerce("shop", {**api, "consumer_secret": "old"}).fetch(Ask("1"))
    shop.get = lambda *_: (503, {}, {})  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        WooCommerce("shop", api).fetch(Ask("1"))
