"""One story in every store: paid, partly refunded, fully refunded; what the store sends, and what it answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.unit.stores import fake_saleor, fake_shopify, fake_stripe, fake_woocommerce
from tests.unit.stores.listening import NOW, Request
from tests.unit.stores.serving import Answer

JSON_SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()


@dataclass
class Scene:
    """A store with state, how the gateway is told of it, and its story: every request, as it was sent then."""

    kind: str
    store: Any
    secrets: list[str]
    options: Callable[[str], dict[str, Any]]
    happen: Callable[[], list[Request]]


def woocommerce() -> Scene:
    shop = fake_woocommerce.FakeWooCommerce()

    def happen() -> list[Request]:
        first = shop.line(shop.product())
        second = shop.line(shop.product(fake_woocommerce.OTHER, "professional"), 2)
        order_id = shop.place(first, second)
        sent = [shop.webhook(order_id, "order.created")]
        shop.pay(order_id)
        sent.append(shop.webhook(order_id))
        shop.refund(order_id, {second["id"]: 1})
        sent.append(shop.webhook(order_id))
        shop.refund(order_id, {first["id"]: 1, second["id"]: 1})
        return [*sent, shop.webhook(order_id)]

    key = {"consumer_key": fake_woocommerce.KEY, "consumer_secret": fake_woocommerce.KEY_SECRET}
    return Scene("woocommerce", shop, [fake_woocommerce.SECRET], lambda url: {"url": url, **key}, happen)


def saleor() -> Scene:
    shop = fake_saleor.FakeSaleor()

    def happen() -> list[Request]:
        first, second = shop.line(100), shop.line(50, 2, fake_saleor.OTHER, "professional")
        order_id = shop.place(first, second)
        sent = [shop.deliver(order_id)]
        shop.move(order_id, "CHARGE_SUCCESS", 200)
        sent.append(shop.deliver(order_id, "OrderFullyPaid"))
        for line, amount in ((second, 50), (first, 100), (second, 50)):
            shop.grant(order_id, amount, (line, 1))
            shop.move(order_id, "REFUND_SUCCESS", amount)
            sent.append(shop.deliver(order_id, "OrderRefunded"))
        return sent

    return Scene("saleor", shop, [], lambda url: {"url": url, "token": fake_saleor.TOKEN, "jwks": shop.jwks}, happen)


def shopify() -> Scene:
    shop = fake_shopify.FakeShopify()

    def happen() -> list[Request]:
        first, second = shop.line("SKU-1"), shop.line("SKU-2", 2)
        order_id = shop.place(first, second)
        sent = [shop.webhook(order_id, "orders/create")]
        shop.pay(order_id)
        sent.append(shop.webhook(order_id, "orders/paid"))
        shop.refund(order_id, {second["id"]: 1})
        sent.append(shop.refund_webhook(order_id))
        shop.refund(order_id, {first["id"]: 1, second["id"]: 1})
        return [*sent, shop.refund_webhook(order_id), shop.webhook(order_id)]

    token = {"token": fake_shopify.TOKEN}
    return Scene("shopify", shop, [fake_shopify.SECRET], lambda url: {"url": url, **token}, happen)


def stripe() -> Scene:
    account = fake_stripe.FakeStripe()

    def happen() -> list[Request]:
        first, second = account.line(), account.line(5000, 2, fake_stripe.OTHER, "professional")
        session = account.session(first, second)
        return [
            account.complete(session), *account.refund(session, 5000, lines=f"{second['id']}=1"),
            *account.refund(session, 10000, lines=fake_stripe.COURSE),
            *account.refund(session, 5000, lines=f"{fake_stripe.OTHER}=1"),
        ]  # fmt: skip

    key = {"api_key": fake_stripe.API_KEY}
    return Scene("stripe", account, [fake_stripe.SECRET], lambda url: {"api_url": url, **key}, happen)


class JsonShop:
    """A store that speaks our format: the order as it is, and a list of those that changed."""

    def __init__(self) -> None:
        self.order: dict[str, Any] = {}

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        return 200, {"orders": [self.order] if self.order else []}, {}


def signed_json() -> Scene:
    shop = JsonShop()

    def sent(name: str) -> Request:
        from standardwebhooks import Webhook

        raw = json.dumps(shop.order).encode()
        return {
            "webhook-id": name, "webhook-timestamp": str(int(NOW.timestamp())),
            "webhook-signature": Webhook(JSON_SECRET).sign(name, NOW, raw.decode()),
        }, raw  # fmt: skip

    def happen() -> list[Request]:
        seat = {"line_id": "1", "quantity": 1, "course_key": fake_woocommerce.COURSE, "mode": "verified"}
        two = {"line_id": "2", "quantity": 2, "course_key": fake_woocommerce.OTHER, "mode": "professional"}
        shop.order = {
            "order_id": "b:77", "paid_at": None, "learner": {"email": "learner@example.com"}, "items": [seat, two],
            "reversals": [],
        }  # fmt: skip
        said = [sent("m0")]
        shop.order["paid_at"] = "2026-05-01T12:00:00Z"
        said.append(sent("m1"))
        for number, line_id in enumerate(("2", "1", "2"), 1):
            back = {"refund_id": f"r{number}", "at": f"2026-05-02T12:0{number}:00Z", "lines": [
                {"line_id": line_id, "quantity": 1},
            ]}  # fmt: skip
            shop.order["reversals"] = [*shop.order["reversals"], back]
            said.append(sent(f"m{number + 1}"))
        return said

    return Scene("signed_json", shop, [JSON_SECRET], lambda url: {"orders_url": f"{url}/orders"}, happen)


SCENES: dict[str, Callable[[], Scene]] = {
    "woocommerce": woocommerce, "saleor": saleor, "shopify": shopify, "stripe": stripe, "signed_json": signed_json,
}  # fmt: skip
#: What a store manages to deliver of what it sent.
WAYS: dict[str, Callable[[list[Request]], list[Request]]] = {
    "as_it_happens": lambda sent: sent,
    "twice": lambda sent: [request for request in sent for _ in range(2)],
    "out_of_order": lambda sent: sent[::-1],
    "collapsed": lambda sent: sent[-1:],
    "not_at_all": lambda sent: [],
}
