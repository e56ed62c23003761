"""One story, told by a shop of each kind: two orders are paid, one is refunded in part, one in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from tests.unit.fulfillment.site import DEMO, OTHER
from tests.unit.stores import fake_saleor, fake_shopify, fake_stripe, fake_woocommerce
from tests.unit.stores.listening import Request

SECRET = "the secret of every shop here"
Step = Callable[[], list[Request]]


class Story(Protocol):
    """A shop with state, and what happens in it: each step ends with the webhooks that it sends."""

    kind: str
    fake: Any

    def options(self, url: str) -> dict[str, Any]: ...
    def steps(self, whole: str, part: str) -> Iterator[Step]: ...


class WooCommerce:
    kind = "woocommerce"

    def __init__(self) -> None:
        self.fake = fake_woocommerce.FakeWooCommerce()

    def options(self, url: str) -> dict[str, Any]:
        return {
            "url": url, "consumer_key": fake_woocommerce.KEY, "consumer_secret": fake_woocommerce.KEY_SECRET,
        }  # fmt: skip

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        shop = self.fake
        courses = [shop.product(DEMO), shop.product(OTHER)]
        placed = [
            shop.place(*(shop.line(course) for course in courses), billing={"email": email}) for email in (whole, part)
        ]
        lines = {order: [line["id"] for line in shop.orders[order]["line_items"]] for order in placed}

        def sent(*orders: int) -> list[Request]:
            requests = []
            for order in orders:
                _, raw = shop.webhook(order)
                requests.append(shop.signed(raw, secret=SECRET))
            return requests

        def pay() -> list[Request]:
            for order in placed:
                shop.pay(order)
            return sent(*placed)

        def refund(order: int, at: int) -> list[Request]:
            shop.refund(order, {lines[order][at]: 1})
            return sent(order)

        yield lambda: sent(*placed)
        yield pay
        yield lambda: refund(placed[0], 0) + refund(placed[1], 0)
        yield lambda: refund(placed[0], 1)


class Shopify:
    kind = "shopify"

    def __init__(self) -> None:
        self.fake = fake_shopify.FakeShopify()

    def options(self, url: str) -> dict[str, Any]:
        return {"url": url, "token": fake_shopify.TOKEN, "metafields": "openedx"}

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        shop = self.fake
        for number, course in enumerate((DEMO, OTHER)):
            shop.metafields[f"products/{number}"] = {"course_key": course, "mode": "verified"}
        placed = [
            shop.place(*(shop.line(product_id=number, variant_id=None) for number in (0, 1)), email=email)
            for email in (whole, part)
        ]
        lines = {order: [line["id"] for line in shop.orders[order]["line_items"]] for order in placed}

        def sent(topic: str, *bodies: Any) -> list[Request]:
            return [shop.signed(body, topic, secret=SECRET) for body in bodies]

        def pay() -> list[Request]:
            for order in placed:
                shop.pay(order)
            return sent("orders/paid", *(shop.orders[order] for order in placed))

        def refund(order: int, at: int) -> list[Request]:
            shop.refund(order, {lines[order][at]: 1})
            refunded = shop.orders[order]["refunds"][-1]
            return sent("refunds/create", refunded) + sent("orders/updated", shop.orders[order])

        yield lambda: sent("orders/create", *(shop.orders[order] for order in placed))
        yield pay
        yield lambda: refund(placed[0], 0) + refund(placed[1], 0)
        yield lambda: refund(placed[0], 1)


class Saleor:
    """Signs with a key of its own, which the gateway reads from it; a refund is granted, then the money moves."""

    kind = "saleor"

    def __init__(self) -> None:
        self.fake = fake_saleor.FakeSaleor()

    def options(self, url: str) -> dict[str, Any]:
        return {"url": url, "token": fake_saleor.TOKEN}

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        shop = self.fake
        lines = [[shop.line(course=course) for course in (DEMO, OTHER)] for _ in range(2)]
        placed = [shop.place(*of, email=email) for of, email in zip(lines, (whole, part), strict=True)]

        def pay() -> list[Request]:
            for order in placed:
                shop.move(order, "CHARGE_SUCCESS", 200.0)
            return [shop.deliver(order) for order in placed]

        def refund(number: int, at: int) -> list[Request]:
            shop.grant(placed[number], 100.0, (lines[number][at], 1))
            shop.move(placed[number], "REFUND_SUCCESS", 100.0)
            return [shop.deliver(placed[number])]

        yield lambda: [shop.deliver(order) for order in placed]
        yield pay
        yield lambda: refund(0, 0) + refund(1, 0)
        yield lambda: refund(0, 1)


class Stripe:
    """Its events hold no lines, and its refunds name them only where somebody wrote them into the metadata."""

    kind = "stripe"

    def __init__(self) -> None:
        self.fake = fake_stripe.FakeStripe()

    def options(self, url: str) -> dict[str, Any]:
        return {"api_url": url, "api_key": fake_stripe.API_KEY}

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        account = self.fake
        lines = [[account.line(course=course) for course in (DEMO, OTHER)] for _ in range(2)]
        sessions = [account.session(*of) for of in lines]

        def sent(*requests: Request) -> list[Request]:
            """Signed with this secret, now."""
            now = datetime.now(UTC)
            return [({"stripe-signature": fake_stripe.header(raw, SECRET, at=now)}, raw) for _, raw in requests]

        def pay() -> list[Request]:
            return sent(*(account.complete(session, email=email) for session, email in zip(
                sessions, (whole, part), strict=True
            )))  # fmt: skip

        def refund(number: int, at: int) -> list[Request]:
            return sent(*account.refund(sessions[number], 10000, lines=lines[number][at]["id"]))

        yield pay
        yield lambda: refund(0, 0) + refund(1, 0)
        yield lambda: refund(0, 1)


STORIES: list[type[Story]] = [WooCommerce, Shopify, Saleor, Stripe]
