"""A shop of Saleor and what goes out when its deliveries are heard."""

from __future__ import annotations

from typing import Any

from commerce_events.stores.saleor.adapter import Saleor
from tests.unit.stores.fake_saleor import OTHER, FakeSaleor
from tests.unit.stores.listening import Listener, Request


def listener(shop: FakeSaleor, **options: Any) -> Listener:
    return Listener(Saleor("shop", {"jwks": shop.jwks, **options}), [])


def hear(shop: FakeSaleor, *requests: Request, **options: Any) -> Listener:
    return listener(shop, **options).hear(*requests)


def kinds(heard: Listener) -> list[str]:
    return [event_type.split(".")[-2] for event_type, _ in heard.events]


def lines(heard: Listener, at: int = -1) -> list[tuple[str, int, int]]:
    """The lines of a refund: id, this refund's seats, and the total of all."""
    return [(line["line_id"], line["quantity"], line["refunded_total"]) for line in heard.events[at][1]["lines"]]


def sold(shop: FakeSaleor, *prices: float) -> tuple[str, list[dict[str, Any]]]:
    made = [shop.line(price, sku=f"SKU-{at}") for at, price in enumerate(prices)]
    order_id = shop.place(*made)
    shop.move(order_id, "CHARGE_SUCCESS", sum(prices))
    return order_id, made


def story(shop: FakeSaleor) -> tuple[str, list[Request]]:
    """Paid, partly refunded, fully refunded; what was delivered after each."""
    one, two = shop.line(100), shop.line(50, 2, OTHER, "professional")
    order_id = shop.place(one, two)
    said = [shop.deliver(order_id)]
    shop.move(order_id, "CHARGE_SUCCESS", 200)
    said.append(shop.deliver(order_id, "OrderFullyPaid"))
    for line, amount in ((one, 100), (two, 50), (two, 50)):
        shop.grant(order_id, amount, (line, 1))
        shop.move(order_id, "REFUND_SUCCESS", amount)
        said.append(shop.deliver(order_id, "OrderRefunded"))
    return order_id, said
