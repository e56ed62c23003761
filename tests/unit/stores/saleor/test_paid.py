"""Saleor: what "paid" means, and the lines that come later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.stores.fake_saleor import OTHER, START, TOKEN, FakeSaleor
from tests.unit.stores.listening import Request
from tests.unit.stores.saleor.hearing import hear, kinds, listener, sold
from tests.unit.stores.serving import served


def test_an_update_can_come_first_and_is_the_sale(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    first, again = shop.deliver(order_id, "OrderUpdated"), shop.deliver(order_id, "OrderFullyPaid")
    assert kinds(hear(shop, first, again)) == ["paid"]


def test_fully_paid_that_comes_again_after_a_further_charge_adds_nothing(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id, "OrderFullyPaid"))
    shop.move(order_id, "CHARGE_SUCCESS", 20)
    assert kinds(heard.hear(shop.deliver(order_id, "OrderFullyPaid"))) == ["paid"]
    assert heard.notices == []


def test_a_refund_that_bounced_is_a_notice_and_no_second_grant(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    bounced = shop.move(order_id, "REFUND_REVERSE", 100)
    heard.hear(shop.deliver(order_id, "OrderFullyPaid"), shop.deliver(order_id))
    assert kinds(heard) == ["paid", "refunded"]
    assert [(notice.code, notice.about) for notice in heard.notices] == [("refund_reversed", bounced)]


def test_money_that_comes_after_everything_was_given_back_is_a_notice(shop: FakeSaleor) -> None:
    """A chargeback that was won looks like that as well."""
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.move(order_id, "CHARGE_BACK", 100)
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert kinds(heard) == ["paid", "refunded"]
    assert heard.codes == ["charged_again"]


def test_what_is_only_authorized_or_failed_is_no_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    for kind in ("AUTHORIZATION_SUCCESS", "CHARGE_REQUEST", "CHARGE_FAILURE", "CHARGE_ACTION_REQUIRED", "INFO"):
        shop.move(order_id, kind, 100)
    assert hear(shop, shop.deliver(order_id)).events == []


def test_money_is_exact(shop: FakeSaleor) -> None:
    """As floats, 0.1 + 0.2 are more than 0.3, and 0.7 + 0.1 less than 0.8."""
    order_id = shop.place(shop.line(0.8))
    shop.move(order_id, "CHARGE_SUCCESS", 0.7)
    shop.move(order_id, "CHARGE_SUCCESS", 0.1)
    heard = hear(shop, shop.deliver(order_id))
    shop.move(order_id, "REFUND_SUCCESS", 0.7)
    shop.move(order_id, "REFUND_SUCCESS", 0.1)
    heard.hear(shop.deliver(order_id))
    assert [content.get("is_full") for _, content in heard.events] == [None, False, True]


def test_a_free_checkout_is_a_sale(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(0))
    heard = hear(shop, shop.deliver(order_id, "OrderFullyPaid"))
    assert kinds(heard) == ["paid"]
    assert heard.events[0][1]["paid_at"].startswith("2026-05-01T12:00:07")


def test_a_free_draft_that_staff_completed_sends_nothing_and_is_found_by_the_sweep(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(0), status="DRAFT", origin="DRAFT")
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN)
        assert heard.sweep(START).events == []
        assert heard.hear(shop.deliver(order_id)).events == []
        shop.orders[order_id]["status"] = "UNFULFILLED"
        assert kinds(heard.sweep(START)) == ["paid"]


@pytest.mark.parametrize("status", ["UNCONFIRMED", "EXPIRED", "CANCELED"])
def test_a_free_order_counts_once_staff_have_confirmed_it(shop: FakeSaleor, status: str) -> None:
    order_id = shop.place(shop.line(0), status=status)
    heard = hear(shop, shop.deliver(order_id))
    assert heard.events == []
    shop.orders[order_id]["status"] = "UNFULFILLED"
    assert kinds(heard.hear(shop.deliver(order_id))) == ["paid"]


def test_an_order_from_elsewhere_with_money_and_no_record_of_it_is_paid(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    raw = json.loads(shop.deliver(order_id)[1])
    raw["order"]["totalCharged"] = {"amount": 100.0}
    heard = hear(shop, shop.signed(json.dumps(raw).encode()))
    assert heard.events[0][1]["paid_at"] == "2026-05-01T12:00:07.000000+00:00"


def grown(shop: FakeSaleor) -> tuple[str, dict[str, Any], dict[str, Any], list[Request]]:
    """An order that was paid and then got a line; both are delivered."""
    first, added = shop.line(100), shop.line(50, course=OTHER)
    order_id = shop.place(first, status="UNCONFIRMED")
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    paid = shop.deliver(order_id)
    shop.add_line(order_id, added)
    return order_id, first, added, [paid, shop.deliver(order_id)]


def without_history(said: Request, shop: FakeSaleor) -> Request:
    """As a query asks that is not ours, or as it is where the shop has forgotten."""
    body = json.loads(said[1])
    body["order"]["events"] = []
    return shop.signed(json.dumps(body).encode())


@pytest.mark.parametrize("has_history", [True, False])
def test_a_line_that_staff_add_to_a_paid_order_has_no_money_whatever_its_flags_say(
    shop: FakeSaleor, has_history: bool
) -> None:
    _, first, added, (paid, more) = grown(shop)
    assert json.loads(more[1])["order"]["isPaid"] and json.loads(more[1])["order"]["chargeStatus"] == "FULL"
    if not has_history:
        paid, more = without_history(paid, shop), without_history(more, shop)
    for said in ([paid, more], [more], [more, paid]):
        heard = hear(shop, *said)
        assert [line["line_id"] for _, content in heard.events for line in content["lines"]] == [first["id"]]
        assert [(notice.code, notice.about) for notice in heard.notices] == [("line_without_money", added["id"])]


@pytest.mark.parametrize("heard_before", [[0, 1], [1], []])
def test_a_line_added_later_goes_out_once_there_is_money_for_it_and_a_collapsed_snapshot_tells_both_steps(
    shop: FakeSaleor, heard_before: list[int]
) -> None:
    order_id, first, added, said = grown(shop)
    shop.move(order_id, "CHARGE_SUCCESS", 50)
    heard = hear(shop, *(said[at] for at in heard_before), shop.deliver(order_id))
    assert [[line["line_id"] for line in content["lines"]] for _, content in heard.events] == [
        [first["id"]], [added["id"]],
    ]  # fmt: skip
    assert heard.events == hear(shop, shop.deliver(order_id)).events


def test_a_line_added_after_a_refund_is_paid_by_its_own_money(shop: FakeSaleor) -> None:
    """What was given back for other lines is not due any more."""
    order_id, (one, two) = sold(shop, 100, 50)
    said = [shop.deliver(order_id)]
    shop.grant(order_id, 50, (two, 1))
    shop.move(order_id, "REFUND_SUCCESS", 50)
    said.append(shop.deliver(order_id))
    added = shop.line(70, course=OTHER)
    shop.add_line(order_id, added)
    said.append(shop.deliver(order_id))
    assert [len(hear(shop, *said[:upto]).events) for upto in (1, 2, 3)] == [1, 2, 2]
    shop.move(order_id, "CHARGE_SUCCESS", 70)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert [[line["line_id"] for line in content["lines"]] for _, content in heard.events] == [
        [one["id"], two["id"]], [two["id"]], [added["id"]],
    ]  # fmt: skip
    assert heard.events == hear(shop, said[-1]).events


def test_the_refund_that_was_full_before_a_line_was_added_stays_full(shop: FakeSaleor) -> None:
    order_id, (one,) = sold(shop, 100)
    shop.grant(order_id, 100, (one, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    said = [shop.deliver(order_id)]
    shop.add_line(order_id, shop.line(70, course=OTHER))
    shop.move(order_id, "CHARGE_SUCCESS", 70)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert [content.get("is_full") for _, content in heard.events] == [None, True, None]
    assert heard.events == hear(shop, said[-1]).events


def test_a_free_line_that_is_added_to_a_paid_order_is_paid(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100)
    said = [shop.deliver(order_id)]
    shop.add_line(order_id, shop.line(0, course=OTHER))
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert [len(content["lines"]) for _, content in heard.events] == [1, 1]
    assert heard.events == hear(shop, said[-1]).events


def test_money_that_bounced_pays_for_no_line(shop: FakeSaleor) -> None:
    order_id, (_, two) = sold(shop, 100, 50)
    shop.grant(order_id, 50, (two, 1))
    shop.move(order_id, "REFUND_SUCCESS", 50)
    shop.move(order_id, "REFUND_REVERSE", 50)
    added = shop.line(50, course=OTHER)
    shop.add_line(order_id, added)
    heard = hear(shop, shop.deliver(order_id))
    assert kinds(heard) == ["paid", "refunded"]
    assert ("line_without_money", added["id"]) in [(notice.code, notice.about) for notice in heard.notices]


def test_a_refund_of_the_line_that_was_added_is_told_after_it_was_sold(shop: FakeSaleor) -> None:
    order_id, _, added, said = grown(shop)
    shop.move(order_id, "CHARGE_SUCCESS", 50)
    said.append(shop.deliver(order_id))
    shop.grant(order_id, 50, (added, 1))
    shop.move(order_id, "REFUND_SUCCESS", 50)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert kinds(heard) == ["paid", "paid", "refunded"]
    assert [line["line_id"] for line in heard.events[-1][1]["lines"]] == [added["id"]]
    assert heard.events == hear(shop, said[-1]).events


def test_a_line_whose_refund_was_granted_before_anything_was_paid_is_not_due(shop: FakeSaleor) -> None:
    first, other = shop.line(100), shop.line(50, course=OTHER)
    order_id = shop.place(first, other)
    shop.grant(order_id, 50, (other, 1))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert [line["line_id"] for _, content in heard.events for line in content["lines"]] == [first["id"]]
    assert [(notice.code, notice.about) for notice in heard.notices] == [("line_without_money", other["id"])]


def test_lines_that_were_added_to_a_draft_are_the_order(shop: FakeSaleor) -> None:
    """Nothing counts before the draft is placed, a free line neither."""
    free, dear = shop.line(0), shop.line(100, course=OTHER)
    order_id = shop.place(status="DRAFT", origin="DRAFT")
    shop.add_line(order_id, free)
    shop.add_line(order_id, dear)
    shop.orders[order_id]["status"] = "UNFULFILLED"
    shop._happens(order_id, "PLACED_FROM_DRAFT")
    heard = hear(shop, shop.deliver(order_id))
    assert heard.events == []
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard.hear(shop.deliver(order_id))
    assert [len(content["lines"]) for _, content in heard.events] == [2]


def test_a_free_draft_counts_since_it_was_placed(shop: FakeSaleor) -> None:
    order_id = shop.place(status="DRAFT", origin="DRAFT")
    shop.add_line(order_id, shop.line(0))
    shop.orders[order_id]["status"] = "UNFULFILLED"
    shop._happens(order_id, "PLACED_FROM_DRAFT")
    ((_, order),) = hear(shop, shop.deliver(order_id)).events
    assert order["paid_at"].startswith(shop.orders[order_id]["events"][-1]["date"][:19])


def test_money_on_account_that_went_back_before_the_order_was_paid_is_no_refund(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 60)
    shop.move(order_id, "REFUND_SUCCESS", 60)
    said = [shop.deliver(order_id)]
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert kinds(heard) == ["paid"]
    assert heard.events == hear(shop, said[-1]).events


def test_a_partial_payment_that_would_cover_the_first_line_sells_nothing(shop: FakeSaleor) -> None:
    """Only the flags tell it from an order whose last line was added later."""
    order_id = shop.place(shop.line(100), shop.line(50, course=OTHER))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.notices) == ([], [])
    shop.move(order_id, "CHARGE_SUCCESS", 50)
    assert len(heard.hear(shop.deliver(order_id)).events[0][1]["lines"]) == 2


def test_an_order_that_says_paid_while_its_money_covers_no_line_is_shown_to_a_person(shop: FakeSaleor) -> None:
    """A refund granted before it was paid lowers what the shop asks for."""
    line = shop.line(100)
    order_id = shop.place(line)
    shop.grant(order_id, 60, (line, 1))
    shop.move(order_id, "CHARGE_SUCCESS", 40)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.codes) == ([], ["money_does_not_cover"])
