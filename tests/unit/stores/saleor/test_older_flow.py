"""Saleor: the older payment flow, where fulfillments tell what was refunded."""

from __future__ import annotations

import json

import pytest

from tests.unit.stores.fake_saleor import OTHER, FakeSaleor
from tests.unit.stores.saleor.hearing import hear, kinds, lines


def test_older_flow_paid_and_refunded_by_product(shop: FakeSaleor) -> None:
    one, two = shop.line(100), shop.line(50, course=OTHER)
    order_id = shop.place(one, two)
    shop.pay(order_id)
    heard = hear(shop, shop.deliver(order_id))
    first = shop.refund_products(order_id, 100, (one, 1))
    heard.hear(shop.deliver(order_id))
    second = shop.refund_products(order_id, 50, (two, 1))
    heard.hear(shop.deliver(order_id))
    assert [content.get("refund_id") for _, content in heard.events] == [None, first, second]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]
    assert heard.events == hear(shop, shop.deliver(order_id)).events


def test_older_flow_marked_as_paid_is_external_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id, "EXTERNAL")
    assert kinds(hear(shop, shop.deliver(order_id))) == ["paid"]


def test_older_flow_what_failed_or_was_only_authorized_is_no_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id, "AUTH")
    shop.pay(order_id)
    shop.orders[order_id]["payments"][0]["transactions"][-1]["isSuccess"] = False
    assert hear(shop, shop.deliver(order_id)).events == []


def test_older_flow_an_amount_alone(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id)
    shop.pay(order_id, "REFUND", 30)
    heard = hear(shop, shop.deliver(order_id))
    assert (kinds(heard), lines(heard)) == (["paid", "refunded"], [])


def test_older_flow_a_refund_made_by_hand_does_not_hide_another_amount(shop: FakeSaleor) -> None:
    """A fulfillment may be marked as refunded where no payment was asked to give anything back."""
    line = shop.line(50, 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.pay(order_id, "REFUND", 80)
    by_hand = shop.fulfillment(order_id, "REFUNDED", [(line, 1)], {"amount": 50.0})
    heard = hear(shop, shop.deliver(order_id))
    assert [(len(content["lines"]), content["refund_id"] == by_hand) for _, content in heard.events[1:]] == [
        (0, False), (1, True),
    ]  # fmt: skip


def test_older_flow_seats_that_are_handed_back_later_belong_to_the_same_refund(shop: FakeSaleor) -> None:
    line = shop.line(50, 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    refund = shop.refund_products(order_id, 50, (line, 1))
    heard = hear(shop, shop.deliver(order_id))
    shop.orders[order_id]["fulfillments"][0]["lines"] = []
    shop.fulfillment(order_id, "REFUNDED_AND_RETURNED", [(line, 1)])
    heard.hear(shop.deliver(order_id))
    assert [content["refund_id"] for _, content in heard.events[1:]] == [refund]
    assert heard.events == hear(shop, shop.deliver(order_id)).events


@pytest.mark.parametrize("status", ["FULFILLED", "RETURNED", "REPLACED", "CANCELED", "WAITING_FOR_APPROVAL"])
def test_older_flow_other_fulfillments_give_nothing_back(shop: FakeSaleor, status: str) -> None:
    line = shop.line(100)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.fulfillment(order_id, status, [(line, 1)])
    assert kinds(hear(shop, shop.deliver(order_id))) == ["paid"]


def test_older_flow_without_the_times_that_an_older_query_did_not_ask_for(shop: FakeSaleor) -> None:
    line = shop.line(100)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund_products(order_id, 100, (line, 1))
    body = json.loads(shop.deliver(order_id)[1])
    del body["order"]["fulfillments"][0]["created"], body["order"]["events"]
    for part in body["order"]["payments"][0]["transactions"]:
        del part["created"], part["amount"]
    heard = hear(shop, shop.signed(json.dumps(body).encode()))
    assert (kinds(heard), lines(heard)) == (["paid", "refunded"], [(line["id"], 1, 1)])
