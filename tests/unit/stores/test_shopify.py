"""Shopify: every fact of its documentation, and the same events whatever is delivered."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_events import topics
from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Nothing, SignatureError, adapter
from commerce_events.stores.shopify.adapter import Shopify
from commerce_events.stores.snapshot import Notice, Snapshot
from tests.unit.stores.fake_shopify import COURSE, FIRST_ID, OTHER, TOKEN, FakeShopify
from tests.unit.stores.listening import NOW, Listener, Request
from tests.unit.stores.serving import served

PAID, REFUNDED = topics.ORDER_PAID_TYPE, topics.ORDER_REFUNDED_TYPE
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> FakeShopify:
    return FakeShopify()


@pytest.fixture
def url(shop: FakeShopify) -> Iterator[str]:
    with served(shop) as address:
        yield address


@pytest.fixture
def api(url: str) -> dict[str, Any]:
    return {"url": url, "token": TOKEN}


def listener(**options: Any) -> Listener:
    return Listener(Shopify("shop", options))


def read(request: Request, **options: Any) -> Snapshot:
    (reading,) = Shopify("shop", options).read(*request)
    assert isinstance(reading, Snapshot)
    return reading


def paid_order(shop: FakeShopify, **more: Any) -> int:
    order_id = shop.place(shop.line(), **more)
    shop.pay(order_id)
    return order_id


def only_line(shop: FakeShopify, order_id: int) -> int:
    (line,) = shop.orders[order_id]["line_items"]
    return int(line["id"])


# the same events, whatever is delivered


@pytest.mark.parametrize("has_api", [True, False])
def test_as_it_happens_out_of_order_twice_collapsed_or_never_the_same_events(
    shop: FakeShopify, api: dict[str, Any], has_api: bool
) -> None:
    options = api if has_api else {}
    as_it_happens = listener(**options)
    first, second = shop.line("SKU-1"), shop.line("SKU-2", 2)
    order_id = shop.place(first, second, processed_at="2026-05-01T06:00:00-05:00")
    heard = [shop.webhook(order_id, "orders/create")]
    as_it_happens.hear(heard[-1])

    def happens(*requests: Request) -> None:
        heard.extend(requests)
        as_it_happens.hear(*requests)

    shop.pay(order_id)
    happens(shop.webhook(order_id, "orders/paid"))
    shop.refund(order_id, {second["id"]: 1})
    happens(shop.refund_webhook(order_id))
    shop.refund(order_id, {first["id"]: 1, second["id"]: 1})
    happens(shop.refund_webhook(order_id), shop.webhook(order_id))
    told = as_it_happens.events
    assert [event_type for event_type, _ in told] == [PAID, REFUNDED, REFUNDED]
    assert [[line["refunded_total"] for line in body["lines"]] for _, body in told[1:]] == [[1], [1, 2]]
    assert [body["is_full"] for _, body in told[1:]] == [False, True]
    collapsed = listener(**options).hear(heard[-1]).events
    if has_api:
        assert collapsed == told
        assert listener(**options).sweep(BEFORE).events == told
        assert as_it_happens.sweep(BEFORE).events == told
        for order in itertools.permutations(heard):
            assert listener(**options).hear(*order, *order).events == told
    else:  # a refund alone knows no number of the order; it may come first, and totals add up all the same
        assert [(kind, {**body, "order_number": ""}) for kind, body in collapsed] == [
            (kind, {**body, "order_number": ""}) for kind, body in told
        ]  # fmt: skip
        for order in itertools.permutations(heard):
            events = listener(**options).hear(*order, *order).events
            assert sorted(body.get("refund_id", "") for _, body in events) == sorted(
                body.get("refund_id", "") for _, body in told
            )  # fmt: skip
            totals: dict[str, int] = {}
            for _, body in events:
                for line in body["lines"]:
                    totals[line["line_id"]] = max(totals.get(line["line_id"], 0), line.get("refunded_total", 0))
            assert totals == {str(first["id"]): 1, str(second["id"]): 2}


def test_the_sweep_follows_the_cursor_in_the_header(shop: FakeShopify, api: dict[str, Any]) -> None:
    shop.page = 2
    orders = [paid_order(shop) for _ in range(5)]
    assert list(Shopify("shop", api).changed(BEFORE)) == [Ask(str(order_id)) for order_id in orders]
    assert shop.asked == ["orders"] * 3


def test_the_sweep_asks_for_what_changed_since(shop: FakeShopify, api: dict[str, Any]) -> None:
    paid_order(shop)
    since = shop.now
    later = paid_order(shop)
    assert list(Shopify("shop", api).changed(since)) == [Ask(str(later))]


# ids


def test_ids_beyond_a_float_stay_exact_and_become_text(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    assert int(float(order_id)) != order_id > FIRST_ID > 1 << 53
    snapshot = read(shop.webhook(order_id))
    assert (snapshot.order_id, snapshot.items[0].line_id) == (str(order_id), str(only_line(shop, order_id)))
    (_, body), = listener(**api).hear(shop.webhook(order_id)).events
    assert body["order_key"] == f"shop:{order_id}"


@pytest.mark.parametrize("id_", [820982911946154508.0, True, None, "", []])
def test_an_id_that_is_a_float_or_none_is_refused(shop: FakeShopify, id_: Any) -> None:
    with pytest.raises(BodyError, match="id is not"):
        read(shop.signed({**shop.orders[paid_order(shop)], "id": id_}, "orders/paid"))


def test_one_act_of_the_shop_has_one_event_id_over_several_topics(shop: FakeShopify) -> None:
    """So the id alone would let ``orders/updated`` swallow ``orders/paid``."""
    order = shop.orders[paid_order(shop)]
    here = Shopify("shop", {})
    paid, again = shop.signed(order, "orders/paid", "e1"), shop.signed(order, "orders/paid", "e1")
    assert here.delivery(*paid) == here.delivery(*again) is not None
    assert here.delivery(*paid) != here.delivery(*shop.signed(order, "orders/updated", "e1"))
    assert here.delivery({}, b"") is None


def test_a_delivery_that_is_tried_again_is_as_old_as_it_was_so_the_order_is_asked_for(
    shop: FakeShopify, api: dict[str, Any]
) -> None:
    order_id = shop.place(shop.line())
    old = shop.webhook(order_id, "orders/create")
    shop.pay(order_id)
    assert len(listener(**api).hear(old).events) == 1


# paid


@pytest.mark.parametrize("status", ["pending", "authorized", "voided", "expired"])
def test_an_order_without_money_is_not_paid(shop: FakeShopify, status: str) -> None:
    """Cash on delivery and other manual payments are pending until the shop marks them as paid."""
    order_id = shop.place(shop.line(), financial_status=status)
    assert read(shop.webhook(order_id)).paid_at is None


def test_paid_at_is_the_time_of_the_first_money_and_never_changes(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = shop.place(shop.line())
    shop.decline(order_id)
    shop.now += timedelta(days=3)
    paid = shop.now
    shop.pay(order_id)
    shop.refund(order_id, {only_line(shop, order_id): 1})
    (_, body), _ = listener(**api).hear(shop.webhook(order_id)).events
    assert datetime.fromisoformat(body["paid_at"]) == paid
    assert read(shop.webhook(order_id)).paid_at == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_free_order_has_no_transaction_and_is_paid_when_it_was_placed(
    shop: FakeShopify, api: dict[str, Any]
) -> None:
    order_id = shop.place(shop.line(price=0), financial_status="paid")
    assert len(listener(**api).hear(shop.webhook(order_id)).events) == 1


def test_a_line_added_after_payment_waits_for_its_money(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    here = listener(**api).hear(shop.webhook(order_id))
    added = shop.line("SKU-2")
    lines = [*shop.orders[order_id]["line_items"], added]
    shop.change(order_id, line_items=lines, financial_status="partially_paid", total_outstanding="10.00")
    here.hear(shop.webhook(order_id, "orders/updated"))
    assert (len(here.events), here.notices) == (1, [Notice(code="line_without_money", about=str(added["id"]))])
    shop.pay(order_id)
    here.hear(shop.webhook(order_id))
    assert [[line["sku"] for line in body["lines"]] for _, body in here.events] == [["SKU-1"], ["SKU-2"]]


def test_a_line_taken_off_before_payment_was_never_sold(shop: FakeShopify) -> None:
    kept, removed = shop.line("SKU-1"), shop.line("SKU-2", current_quantity=0)
    order_id = shop.place(kept, removed)
    shop.pay(order_id)
    assert [item.sku for item in read(shop.webhook(order_id)).items] == ["SKU-1"]


def test_a_line_taken_off_with_a_refund_without_money_was_never_sold_either(shop: FakeShopify) -> None:
    kept, removed = shop.line("SKU-1"), shop.line("SKU-2", 3)
    order_id = shop.place(kept, removed)
    shop.refund(order_id, {removed["id"]: 3}, status=None)
    shop.pay(order_id)
    assert [item.sku for item in read(shop.webhook(order_id)).items] == ["SKU-1"]


def test_a_line_that_was_refunded_was_sold(shop: FakeShopify) -> None:
    line = shop.line("SKU-1", 3)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund(order_id, {line["id"]: 2})
    assert shop.orders[order_id]["line_items"][0]["current_quantity"] == 1
    assert [item.quantity for item in read(shop.webhook(order_id)).items] == [3]


def test_an_order_of_before_current_quantity_counts_its_quantity(shop: FakeShopify) -> None:
    line = shop.line("SKU-1", 2)
    del line["current_quantity"]
    order_id = shop.place(line)
    shop.pay(order_id)
    assert read(shop.webhook(order_id)).items[0].quantity == 2


@pytest.mark.parametrize(("option", "events", "codes"), [
    ("notice", [PAID], ["cancelled_with_money"]), ("cancellation", [PAID, REFUNDED], []),
])  # fmt: skip
def test_a_paid_order_that_is_cancelled_with_the_money_kept(
    shop: FakeShopify, option: str, events: list[str], codes: list[str]
) -> None:
    order_id = paid_order(shop)
    shop.change(order_id, cancelled_at="2026-05-02T10:00:00-05:00", cancel_reason="customer")
    here = listener(cancelled_with_money=option).hear(shop.webhook(order_id, "orders/cancelled"))
    assert ([event_type for event_type, _ in here.events], here.codes) == (events, codes)


def test_a_cancelled_order_whose_money_is_back_is_its_refund_alone(shop: FakeShopify) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, amount=10)
    shop.change(order_id, cancelled_at="2026-05-02T10:00:00-05:00")
    here = listener(cancelled_with_money="cancellation").hear(shop.webhook(order_id, "orders/cancelled"))
    assert [(body.get("refund_kind"), body.get("is_full")) for _, body in here.events[1:]] == [("refund", True)]


def test_test_orders_say_so(shop: FakeShopify) -> None:
    assert not read(shop.webhook(paid_order(shop))).is_test
    assert read(shop.webhook(paid_order(shop, test=True))).is_test


# who


def test_an_address_typed_at_the_checkout_is_never_verified_not_even_a_known_customers(shop: FakeShopify) -> None:
    order_id = paid_order(shop)
    learner = read(shop.webhook(order_id)).learner
    assert shop.orders[order_id]["customer"]["verified_email"]
    assert (learner.email, learner.email_verified) == ("learner@example.com", False)
    assert learner.store_customer_id == str(shop.orders[order_id]["customer"]["id"])


def test_a_guest_or_a_shop_without_the_approval_for_addresses(shop: FakeShopify) -> None:
    order_id = paid_order(shop, customer=None, email="", contact_email=None)
    here = listener().hear(shop.webhook(order_id))
    assert (here.events, here.codes) == ([], ["learner_missing"])


def test_what_a_buyer_can_write_names_no_course_and_no_account(shop: FakeShopify, api: dict[str, Any]) -> None:
    attributes = [{"name": "lms_user_id", "value": "1"}, {"name": "course_key", "value": OTHER}]
    order_id = shop.place(shop.line(properties=attributes), note_attributes=attributes)
    shop.pay(order_id)
    options = {**api, "metafields": "openedx", "owns_lms_user_id": True}
    (_, body), = listener(**options).hear(shop.webhook(order_id)).events
    assert (body["lines"][0]["course_key"], body["learner"]["lms_user_id"]) == (None, None)


def test_an_lms_user_id_counts_only_where_the_store_owns_it(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.metafields[f"customers/{shop.orders[order_id]['customer']['id']}"] = {"lms_user_id": "41"}
    options = {**api, "metafields": "openedx"}
    (_, body), = listener(**options).hear(shop.webhook(order_id)).events
    assert body["learner"]["lms_user_id"] is None
    (_, body), = listener(**options, owns_lms_user_id=True).hear(shop.webhook(order_id)).events
    assert (body["learner"]["lms_user_id"], body["learner"]["email"]) == (41, None)


# what


def test_the_sku_goes_to_the_lms(shop: FakeShopify) -> None:
    (item,) = read(shop.webhook(paid_order(shop))).items
    assert (item.product_kind, item.sku) == ("course_seat", "SKU-1")


def test_metafields_of_the_variant_count_before_those_of_the_product(shop: FakeShopify, api: dict[str, Any]) -> None:
    shop.metafields["products/632910392"] = {"course_key": COURSE, "mode": "verified"}
    shop.metafields["variants/808950810"] = {"mode": "credit", "credit_provider": "asu"}
    order_id = shop.place(shop.line(), shop.line())
    shop.pay(order_id)
    (_, body), = listener(**api, metafields="openedx").hear(shop.webhook(order_id)).events
    assert [(line["course_key"], line["mode"], line["credit_provider"]) for line in body["lines"]] == [
        (COURSE, "credit", "asu")
    ] * 2
    assert shop.asked.count("variants/808950810/metafields") == 1


def test_other_products_and_gift_cards_are_no_course(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = shop.place(shop.line(None), shop.line("CARD", gift_card=True), shop.line("T-SHIRT"))
    shop.pay(order_id)
    assert [item.product_kind for item in read(shop.webhook(order_id)).items] == ["other", "other", "course_seat"]
    assert {item.product_kind for item in read(shop.webhook(order_id), by_sku=False).items} == {"other"}


def test_a_deleted_product_without_a_sku_is_told_to_a_person(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = shop.place(shop.line(None, product_exists=False))
    shop.pay(order_id)
    here = listener(**api, metafields="openedx").hear(shop.webhook(order_id))
    assert here.notices == [Notice(code="product_gone", about=str(only_line(shop, order_id)))]
    assert here.events[0][1]["lines"][0]["product_kind"] == "course_seat"


def test_a_bundle_comes_as_its_components(shop: FakeShopify) -> None:
    order_id = shop.place(*(shop.line(sku, sales_line_item_group_id=7) for sku in ("SKU-1", "SKU-2")))
    shop.pay(order_id)
    assert [item.sku for item in read(shop.webhook(order_id)).items] == ["SKU-1", "SKU-2"]


# refunds


def test_lines_are_per_refund_and_summed_over_refunds(shop: FakeShopify) -> None:
    line = shop.line("SKU-1", 3)
    order_id = shop.place(line)
    shop.pay(order_id)
    for _ in range(3):
        shop.refund(order_id, {line["id"]: 1})
    events = listener().hear(shop.webhook(order_id)).events
    assert [body["lines"][0]["refunded_total"] for _, body in events[1:]] == [1, 2, 3]
    assert [body["is_full"] for _, body in events[1:]] == [False, False, True]


def test_a_refund_alone_speaks_for_itself_where_there_is_no_api(shop: FakeShopify) -> None:
    line = shop.line("SKU-1", 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund(order_id, {line["id"]: 1})
    snapshot = read(shop.refund_webhook(order_id))
    assert (snapshot.is_partial, snapshot.order_id, snapshot.reversals[0].lines[0].ordered) == (True, str(order_id), 2)


def test_with_the_api_a_refund_asks_for_its_order(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, {only_line(shop, order_id): 1})
    assert Shopify("shop", api).read(*shop.refund_webhook(order_id)) == [Ask(str(order_id))]


@pytest.mark.parametrize(
    ("status", "code"), [(None, "refund_without_money"), ("failure", "refund_failed"), ("error", "refund_failed")]
)
def test_a_refund_without_money_or_with_a_failed_transaction_moves_nothing(
    shop: FakeShopify, status: str | None, code: str
) -> None:
    order_id = paid_order(shop)
    here = listener().hear(shop.webhook(order_id, "orders/paid"))
    refund_id = shop.refund(order_id, {only_line(shop, order_id): 1}, status=status)
    here.hear(shop.refund_webhook(order_id), shop.webhook(order_id))
    assert ([event_type for event_type, _ in here.events], here.notices) == (
        [PAID], [Notice(code=code, about=str(refund_id))],
    )  # fmt: skip


def test_a_refund_on_its_way_waits_until_it_arrives(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    refund_id = shop.refund(order_id, {only_line(shop, order_id): 1}, status="pending")
    here = listener(**api).hear(shop.webhook(order_id), shop.refund_webhook(order_id))
    assert (len(here.events), here.notices) == (1, [])
    shop.succeed(order_id, refund_id)
    here.hear(shop.signed({"id": 1, "order_id": order_id, "kind": "refund"}, "order_transactions/create"))
    assert [body.get("is_full") for _, body in here.events] == [None, True]


def test_a_refund_of_an_order_that_cost_nothing_needs_no_money(shop: FakeShopify) -> None:
    order_id = shop.place(shop.line(price=0), financial_status="paid")
    shop.refund(order_id, {only_line(shop, order_id): 1}, status=None)
    here = listener().hear(shop.webhook(order_id))
    assert [event_type for event_type, _ in here.events] == [PAID, REFUNDED]


def test_an_amount_alone_returns_no_seat_until_all_of_it_is_back(shop: FakeShopify) -> None:
    order_id = paid_order(shop)
    shop.refund(order_id, amount=4)
    here = listener().hear(shop.webhook(order_id))
    assert (here.events[1][1]["lines"], here.events[1][1]["is_full"]) == ([], False)
    shop.refund(order_id, amount=6)
    assert here.hear(shop.webhook(order_id)).events[2][1]["is_full"]


def test_an_amount_that_was_heard_of_alone_is_full_once_the_order_says_so(shop: FakeShopify) -> None:
    order_id = paid_order(shop)
    here = listener().hear(shop.webhook(order_id))
    refund_id = shop.refund(order_id, amount=10)
    here.hear(shop.refund_webhook(order_id), shop.webhook(order_id), shop.webhook(order_id))
    assert [(body["refund_id"], body["is_full"]) for _, body in here.events[1:]] == [
        (str(refund_id), False), (f"{refund_id}/rest", True),
    ]  # fmt: skip


# disputes


@pytest.mark.parametrize("has_api", [True, False])
def test_a_chargeback_takes_the_money_and_reverses_the_order(
    shop: FakeShopify, api: dict[str, Any], has_api: bool
) -> None:
    order_id = paid_order(shop)
    here = listener(**(api if has_api else {})).hear(shop.webhook(order_id))
    dispute = shop.disputes[shop.dispute(order_id)]
    here.hear(shop.signed(dispute, "disputes/create"), shop.signed({**dispute, "status": "lost"}, "disputes/update"))
    _, (_, refund) = here.events
    assert (refund["refund_kind"], refund["refund_id"]) == ("chargeback", f"dispute-{dispute['id']}")
    assert refund["is_full"] is has_api  # only the order says how much all of it is


def test_a_chargeback_of_a_part_is_an_amount(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    dispute = shop.disputes[shop.dispute(order_id, amount="3.00")]
    _, (_, refund) = listener(**api).hear(shop.signed(dispute, "disputes/create")).events
    assert (refund["is_full"], refund["lines"]) == (False, [])


def test_an_inquiry_moves_no_money(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    dispute = shop.disputes[shop.dispute(order_id, kind="inquiry")]
    assert len(listener(**api).hear(shop.signed(dispute, "disputes/create")).events) == 1


def test_a_chargeback_won_is_a_notice_and_grants_nothing(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    dispute = shop.disputes[shop.dispute(order_id)]
    here = listener(**api).hear(shop.signed(dispute, "disputes/create"))
    dispute.update(status="won", finalized_on="2026-06-01T00:00:00-05:00")
    here.hear(shop.signed(dispute, "disputes/update"))
    assert (len(here.events), here.notices) == (
        2, [Notice(code="chargeback_won", about=f"dispute-{dispute['id']}")],
    )  # fmt: skip


def test_the_sweep_finds_disputes_where_it_may_ask_for_them(shop: FakeShopify, api: dict[str, Any]) -> None:
    order_id = paid_order(shop)
    shop.dispute(order_id)
    since = shop.now
    assert listener(**api).sweep(since).events == []
    assert [event_type for event_type, _ in listener(**api, disputes=True).sweep(since).events] == [PAID, REFUNDED]
    shop.asked.clear()
    assert list(Shopify("shop", {**api, "disputes": True}).changed(since + timedelta(days=200))) == []


def test_a_dispute_of_no_order_says_nothing(shop: FakeShopify) -> None:
    dispute = {**shop.disputes[shop.dispute(paid_order(shop))], "order_id": None}
    (reading,) = Shopify("shop", {}).read(*shop.signed(dispute, "disputes/create"))
    assert isinstance(reading, Nothing)


# other webhooks


def test_an_edited_order_is_asked_for(shop: FakeShopify, api: dict[str, Any]) -> None:
    body = {"order_edit": {"id": 1, "order_id": 42, "line_items": {}}}
    assert Shopify("shop", api).read(*shop.signed(body, "orders/edited")) == [Ask("42")]
    assert [type(reading) for reading in Shopify("shop", {}).read(*shop.signed(body, "orders/edited"))] == [Nothing]


def test_a_deleted_order_is_told_to_a_person(shop: FakeShopify, api: dict[str, Any]) -> None:
    assert listener(**api).hear(shop.signed({"id": 42}, "orders/delete")).codes == ["order_gone"]
    assert listener(**api).hear(shop.signed({"id": 42}, "orders/updated")).codes == ["order_gone"]


def test_webhooks_that_are_not_of_orders_say_nothing(shop: FakeShopify) -> None:
    for topic in ("products/update", "app/uninstalled", "customers/redact"):
        assert [type(reading) for reading in Shopify("shop", {}).read(*shop.signed({}, topic))] == [Nothing]


# the source's options


def test_another_shop_with_the_same_app_cannot_speak_for_this_one(shop: FakeShopify) -> None:
    request = shop.webhook(paid_order(shop))
    mine, other = (Shopify("shop", {"url": f"https://{name}.myshopify.com", "token": "t"}) for name in "ab")
    mine.verify(*request, ["secret"], NOW)
    with pytest.raises(SignatureError, match="another shop"):
        other.verify(*request, ["secret"], NOW)


def test_the_kind_is_known_by_its_name() -> None:
    assert isinstance(adapter("shopify", "shop", {}), Shopify)


@pytest.mark.parametrize(
    "options",
    [
        {"shop": "a.myshopify.com"},
        {"url": "https://a.myshopify.com"},
        {"url": "http://a.myshopify.com", "token": "t"},
        {"metafields": "openedx"},
        {"disputes": True},
        {"url": "https://a.myshopify.com", "token": "t", "owns_lms_user_id": True},
        {"cancelled_with_money": "ignore"},
    ],
)
def test_wrong_options_are_refused_with_a_hint(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError) as raised:
        Shopify("shop", options)
    assert raised.value.hint


def test_the_token_is_in_no_text_of_ours(api: dict[str, Any]) -> None:
    assert TOKEN not in repr(Shopify("shop", api).options)


def test_without_the_api_the_sweep_says_what_to_set() -> None:
    with pytest.raises(OperatorError, match="not set up"):
        list(Shopify("shop", {}).changed(BEFORE))
