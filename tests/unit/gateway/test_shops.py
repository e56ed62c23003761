"""WooCommerce and Shopify before the gateway: what they make of its answers, and what is left of their webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from commerce_events.bus.clock import utc_now
from commerce_events.gateway import views
from commerce_events.stores.asks import answer
from commerce_events.stores.conf import stores
from commerce_events.stores.models import Delivery, Notice, OpenAsk, StoreOrder
from commerce_events.stores.sweep import sweep
from tests.unit.stores.fake_shopify import FakeShopify
from tests.unit.stores.fake_woocommerce import KEY, KEY_SECRET, FakeWooCommerce, meta
from tests.unit.stores.listening import Request
from tests.unit.stores.serving import served
from tests.unit.stores.test_woocommerce import BEFORE
from tests.unit.stores.told import kinds

SECRET = "the secret of both shops"
Deliver = Callable[..., HttpResponse]
ERROR = {"code": "woocommerce_rest_cannot_view", "message": "Sorry.", "data": {"status": 401}}


@pytest.fixture
def woo() -> FakeWooCommerce:
    return FakeWooCommerce()


@pytest.fixture
def deliver(settings: Any, woo: FakeWooCommerce) -> Iterator[Deliver]:
    """``deliver(source, request)``, as the shop would send it."""
    with served(woo) as url:
        settings.ROOT_URLCONF = "commerce_events.gateway.urls"
        settings.COMMERCE_GATEWAY = {}
        api = {"url": url, "consumer_key": KEY, "consumer_secret": KEY_SECRET}
        settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {
            "woo": {"KIND": "woocommerce", "SECRETS": [SECRET], "OPTIONS": api},
            "shopify": {"KIND": "shopify", "SECRETS": [SECRET]},
        }}  # fmt: skip

        def send(source: str, request: Request) -> HttpResponse:
            headers, raw = request
            given = {name: value for name, value in headers.items() if name != "content-type"}
            return Client().post(  # type: ignore[return-value]
                f"/webhooks/{source}", raw, content_type=headers["content-type"], headers=given
            )

        yield send
        views.forget()


def rows() -> int:
    return sum(model.objects.count() for model in (Delivery, Notice, OpenAsk, StoreOrder))


def signed(woo: FakeWooCommerce, body: Any, secret: str = SECRET) -> Request:
    return woo.signed(json.dumps(body).encode(), secret=secret)


def sold(woo: FakeWooCommerce) -> int:
    order_id = woo.place(woo.line(woo.product(), meta_data=meta(_course_id="course-v1:a+b+c", _mode="verified")))
    woo.pay(order_id)
    return order_id


def test_the_creation_ping_gets_exactly_200_and_leaves_nothing(sqlite: Any, deliver: Deliver) -> None:
    ping = {"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=5"
    assert (deliver("woo", ping).status_code, rows()) == (200, 0)
    for other in (b"webhook_id=5&more=1", b"webhook_id=x", b"webhook_id=5\n"):
        assert deliver("woo", (ping[0], other)).status_code == 401
    assert rows() == 0


def test_bodies_that_nobody_understands_do_not_switch_the_webhook_off(
    sqlite: Any, woo: FakeWooCommerce, deliver: Deliver
) -> None:
    for number in range(10):
        woo.answered(deliver("woo", signed(woo, {**ERROR, "number": number})).status_code)
    assert woo.is_active
    assert set(Delivery.objects.values_list("state", "reason")) == {("set_aside", "body_invalid")}
    assert Delivery.objects.count() == 10


def test_a_wrong_secret_does_and_the_sweep_finds_what_was_not_sent(
    sqlite: Any, woo: FakeWooCommerce, deliver: Deliver
) -> None:
    order = woo.rendered(sold(woo))
    for number in range(7):
        assert woo.is_active, number
        woo.answered(deliver("woo", signed(woo, order, secret="another")).status_code)
    assert not woo.is_active
    assert rows() == 0
    sweep(stores()["woo"], utc_now, BEFORE)
    assert kinds() == ["paid"]


def test_an_order_that_says_all_goes_out_in_the_request_and_another_is_asked_for(
    sqlite: Any, woo: FakeWooCommerce, deliver: Deliver
) -> None:
    order_id = sold(woo)
    assert deliver("woo", signed(woo, woo.rendered(order_id))).status_code == 200
    assert (kinds(), woo.asked) == (["paid"], [])
    woo.refund(order_id, {woo.orders[order_id]["line_items"][0]["id"]: 1})
    assert deliver("woo", signed(woo, woo.rendered(order_id))).status_code == 200
    assert (kinds(), woo.asked) == (["paid"], [])  # within the request the shop is not asked
    assert answer(stores()["woo"], utc_now) == 1
    assert kinds() == ["paid", "refunded"]


def test_shopify_s_event_id_counts_once_for_each_topic(sqlite: Any, deliver: Deliver) -> None:
    shop = FakeShopify()
    order_id = shop.place(shop.line())
    before = shop.signed(shop.orders[order_id], "orders/updated", "e1", secret=SECRET)
    shop.pay(order_id)
    paid = shop.signed(shop.orders[order_id], "orders/paid", "e1", secret=SECRET)
    outcomes = [json.loads(deliver("shopify", one).content)["outcome"] for one in (before, before, paid, paid)]
    assert outcomes == ["done", "repeated", "done", "repeated"]
    assert kinds() == ["paid"]
