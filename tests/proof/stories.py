"""One story, told by a shop of each kind: two orders are paid, one is refunded in part, one in full."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from standardwebhooks import Webhook

from tests.unit.fulfillment.site import DEMO, OTHER
from tests.unit.stores import fake_saleor, fake_shopify, fake_stripe, fake_woocommerce
from tests.unit.stores.listening import Request
from tests.unit.stores.serving import Answer

SECRET = "the secret of every shop here"
Step = Callable[[], list[Request]]


class Story(Protocol):
    """A shop with state, and what happens in it: each step ends with the webhooks that it sends.

    Attributes:
        secrets: what the gateway is given to check them.
        unsaid: what the shop does not say of a sale, so that the hour of hearing stands for it.
    """

    kind: str
    fake: Any
    secrets: tuple[str, ...] = (SECRET,)
    unsaid: tuple[str, ...] = ()

    def options(self, url: str) -> dict[str, Any]: ...
    def steps(self, whole: str, part: str) -> Iterator[Step]: ...


class WooCommerce(Story):
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


class Shopify(Story):
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


class Saleor(Story):
    """Signs with a key of its own, which the gateway reads from it; a refund is granted, then the money moves."""

    kind = "saleor"
    secrets = ()

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


class Stripe(Story):
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


class OwnShop:
    """A shop that somebody wrote: its orders by number, and one page that lists them for the sweep."""

    def __init__(self, listed: str) -> None:
        self.listed = listed
        self.orders: list[dict[str, Any]] = []

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        return 200, {self.listed: self.orders}, {}


class SignedJson(Story):
    """Our own format, signed after Standard Webhooks."""

    kind = "signed_json"
    secrets = ("whsec_" + base64.b64encode(SECRET.encode()).decode(),)

    def __init__(self) -> None:
        self.fake = OwnShop("orders")

    def options(self, url: str) -> dict[str, Any]:
        return {"orders_url": f"{url}/orders"}

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        orders = self.fake.orders
        for email in (whole, part):
            lines = [{"line_id": str(number), "quantity": 1, "course_key": course, "mode": "verified"}
                     for number, course in enumerate((DEMO, OTHER))]  # fmt: skip
            orders.append({
                "order_id": f"A-{len(orders)}", "paid_at": None, "learner": {"email": email}, "items": lines,
                "reversals": [],
            })  # fmt: skip
        deliveries = iter(range(100))

        def sent(*of: int) -> list[Request]:
            requests = []
            for at in of:
                raw, now, name = json.dumps(orders[at]), datetime.now(UTC), f"delivery-{next(deliveries)}"
                requests.append(({
                    "webhook-id": name, "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": Webhook(self.secrets[0]).sign(name, now, raw),
                }, raw.encode()))  # fmt: skip
            return requests

        def pay() -> list[Request]:
            for order in orders:
                order["paid_at"] = "2026-05-01T12:00:00Z"
            return sent(0, 1)

        def refund(at: int, line: int) -> list[Request]:
            given = [*orders[at]["reversals"], {
                "refund_id": f"r{line}", "at": f"2026-05-02T12:0{line}:00Z",
                "lines": [{"line_id": str(line), "quantity": 1}],
            }]  # fmt: skip
            orders[at]["reversals"] = given
            return sent(at)

        yield lambda: sent(0, 1)
        yield pay
        yield lambda: refund(0, 0) + refund(1, 0)
        yield lambda: refund(0, 1)


class UnifiedEcommerce(Story):
    """Its key stands in the body; it says when money went back, and not when it came."""

    kind = "unified_ecommerce"
    unsaid = ("paid_at",)

    def __init__(self) -> None:
        self.fake = OwnShop("results")

    def options(self, url: str) -> dict[str, Any]:
        return {"system_slug": "site", "orders_url": f"{url}/orders"}

    def steps(self, whole: str, part: str) -> Iterator[Step]:
        orders = self.fake.orders

        def sent(*of: int) -> list[Request]:
            return [({}, json.dumps(orders[at]).encode()) for at in of]

        def pay() -> list[Request]:
            for number, email in enumerate((whole, part)):
                lines = [
                    {"id": 2 * number + at, "quantity": 1, "total_price": "100.00",
                     "product": {"id": at, "sku": course, "system_data": None}}
                    for at, course in enumerate((DEMO, OTHER))
                ]  # fmt: skip
                orders.append({
                    "system_slug": "site", "system_key": SECRET, "type": "postsale",
                    "user": {"id": number, "email": email},
                    "data": {"reference_number": f"site-{number}", "state": "fulfilled", "lines": lines, "refunds": []},
                })  # fmt: skip
            return sent(0, 1)

        def refund(at: int, line: int) -> list[Request]:
            data = orders[at]["data"]
            data["state"] = "refunded"
            data["refunds"] = [*data["refunds"], {
                "id": 10 * at + line, "status": "approved-complete", "processed_date": f"2026-05-02T12:0{line}:00Z",
                "lines": [{"status": "approved-complete", "refunded_amount": "100.00", "line": 2 * at + line}],
            }]  # fmt: skip
            return sent(at)

        yield pay
        yield lambda: refund(0, 0) + refund(1, 0)
        yield lambda: refund(0, 1)


STORIES: list[type[Story]] = [WooCommerce, Shopify, Saleor, Stripe, SignedJson, UnifiedEcommerce]
