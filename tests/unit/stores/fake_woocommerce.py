"""A WooCommerce shop with state: its webhooks and its REST API render the same orders, in the shape of its docs.

The site's clock is three hours behind UTC, so whoever reads a field without ``_gmt`` is wrong.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from tests.unit.stores.listening import Request
from tests.unit.stores.serving import Answer

Order = dict[str, Any]
ZONE = timedelta(hours=-3)
KEY, KEY_SECRET, SECRET = "ck_key", "cs_secret", "secret"
COURSE, OTHER = "course-v1:edX+DemoX+2026", "course-v1:edX+UniX+2026"


def meta(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": 2000 + at, "key": key, "value": value} for at, (key, value) in enumerate(fields.items())]


class FakeWooCommerce:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, tzinfo=UTC)
        self.orders: dict[int, Order] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.products: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.is_active = True
        self._failures = 0
        self._ids = 700

    # the shop's own life

    def product(self, course: str | None = COURSE, mode: str = "verified", sku: str = "", parent: int = 0) -> int:
        product_id = self._id()
        fields = meta(_course_id=course, _mode=mode) if course else []
        path = f"{parent}/variations/{product_id}" if parent else str(product_id)
        self.products[path] = {"id": product_id, "sku": sku, "meta_data": fields}
        return product_id

    def line(self, product_id: int = 0, quantity: int = 1, *, variation: int = 0, **more: Any) -> dict[str, Any]:
        path = f"{product_id}/variations/{variation}" if variation else str(product_id)
        product = self.products.get(path)
        return {
            "id": self._id(), "name": "A course", "product_id": product_id, "variation_id": variation,
            "quantity": quantity, "tax_class": "", "subtotal": f"{10 * quantity}.00", "subtotal_tax": "0.00",
            "total": f"{10 * quantity}.00", "total_tax": "0.00", "taxes": [], "meta_data": [],
            "sku": product["sku"] if product else None, "price": 10, "image": {"id": "", "src": ""},
            "parent_name": None, **more,
        }  # fmt: skip

    def place(self, *lines: dict[str, Any], method: str = "stripe", **more: Any) -> int:
        order_id = self._id()
        total = sum(float(line["total"]) for line in lines)
        self.refunds[order_id] = []
        self.orders[order_id] = {
            "id": order_id, "parent_id": 0, "status": "pending", "currency": "USD", "version": "9.8.0",
            "prices_include_tax": False, **self._times("created"), "discount_total": "0.00", "discount_tax": "0.00",
            "shipping_total": "0.00", "shipping_tax": "0.00", "cart_tax": "0.00", "total": f"{total:.2f}",
            "total_tax": "0.00", "customer_id": 0, "order_key": "wc_order_58d2d042d1d",
            "billing": {
                "first_name": "", "last_name": "", "company": "", "address_1": "", "address_2": "", "city": "",
                "state": "", "postcode": "", "country": "US", "email": "learner@example.com", "phone": "",
            },
            "shipping": {}, "payment_method": method, "payment_method_title": method, "transaction_id": "",
            "customer_ip_address": "", "customer_user_agent": "", "created_via": "checkout", "customer_note": "",
            **self._times("completed", None), **self._times("paid", None), "cart_hash": "",
            "number": f"A-{order_id}", "meta_data": [], "line_items": list(lines), "tax_lines": [],
            "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "payment_url": "", "is_editable": True,
            "needs_payment": True, "needs_processing": False, "currency_symbol": "$", **more,
        }  # fmt: skip
        self._touch(order_id)
        return order_id

    def pay(self, order_id: int, status: str = "processing") -> None:
        self._touch(order_id, status=status, **self._times("paid"))

    def complete(self, order_id: int) -> None:
        self._touch(order_id, status="completed", **self._times("completed"))

    def change(self, order_id: int, **fields: Any) -> None:
        self._touch(order_id, **fields)

    def refund(self, order_id: int, seats: dict[int, int] | None = None, amount: float | None = None) -> int:
        """By line id the seats; without any an amount alone. The shop marks an order whose money is all back."""
        order, refund_id = self.orders[order_id], self._id()
        by_id = {line["id"]: line for line in order["line_items"]}
        entries = [
            {
                "id": self._id(), "name": "A course", "product_id": by_id[line_id]["product_id"], "variation_id": 0,
                "quantity": -quantity, "tax_class": "", "subtotal": f"{-10 * quantity}.00", "subtotal_tax": "0.00",
                "total": f"{-10 * quantity}.00", "total_tax": "0.00", "taxes": [],
                "meta_data": meta(_refunded_item_id=str(line_id)), "sku": "", "price": -10,
            } for line_id, quantity in (seats or {}).items()
        ]  # fmt: skip
        given = amount if amount is not None else 10.0 * sum((seats or {}).values())
        self.refunds[order_id].append({
            "id": refund_id, **self._times("created"), "amount": f"{given:.2f}", "reason": "", "refunded_by": 1,
            "refunded_payment": False, "meta_data": [], "line_items": entries,
        })  # fmt: skip
        back = sum(float(refund["amount"]) for refund in self.refunds[order_id])
        self._touch(order_id, **({"status": "refunded"} if back >= float(order["total"]) else {}))
        return refund_id

    def delete_refund(self, order_id: int, refund_id: int) -> None:
        self.refunds[order_id] = [refund for refund in self.refunds[order_id] if refund["id"] != refund_id]
        self._touch(order_id)

    # what it says

    def rendered(self, order_id: int) -> Order:
        refunds = [
            {"id": refund["id"], "reason": "", "total": f"-{refund['amount']}"}
            for refund in reversed(self.refunds[order_id])
        ]  # fmt: skip
        return {**self.orders[order_id], "refunds": refunds}

    def webhook(self, order_id: int, topic: str = "order.updated") -> Request:
        body = {"id": order_id} if topic == "order.deleted" else self.rendered(order_id)
        return self.signed(json.dumps(body).encode(), topic)

    def signed(self, raw: bytes, topic: str = "order.updated", secret: str = SECRET) -> Request:
        digest = hmac.new(secret.encode(), raw, sha256).digest()
        return {
            "content-type": "application/json", "x-wc-webhook-source": "https://shop.example.com/",
            "x-wc-webhook-topic": topic, "x-wc-webhook-resource": "order", "x-wc-webhook-event": topic.split(".")[1],
            "x-wc-webhook-signature": base64.b64encode(digest).decode(), "x-wc-webhook-id": "5",
            "x-wc-webhook-delivery-id": sha256(f"5{self.now:%s}".encode()).hexdigest()[:32],
        }, raw  # fmt: skip

    def answered(self, status: int) -> None:
        """What the shop makes of an answer to its webhook: the seventh failure in a row switches it off, silently."""
        if 200 <= status < 303:
            self._failures = 0
        elif self._failures > 5:
            self.is_active = False
        else:
            self._failures += 1

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        """The REST API, version 3."""
        self.asked.append(path.removeprefix("/wp-json/wc/v3/"))
        expected = "Basic " + base64.b64encode(f"{KEY}:{KEY_SECRET}".encode()).decode()
        if headers.get("authorization") != expected:
            return 401, {"code": "woocommerce_rest_cannot_view", "message": "", "data": {"status": 401}}, {}
        match path.removeprefix("/wp-json/wc/v3/").split("/"):
            case ["orders"]:
                return self._page(self._listed(query), query)
            case ["orders", order_id] if int(order_id) in self.orders:
                return 200, self.rendered(int(order_id)), {}
            case ["orders", order_id, "refunds"] if int(order_id) in self.orders:
                found = self.refunds[int(order_id)]
                return self._page(found if query.get("order") == "asc" else found[::-1], query)
            case ["products", *rest] if "/".join(rest) in self.products:
                return 200, self.products["/".join(rest)], {}
        return 404, {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}, {}

    def _listed(self, query: dict[str, str]) -> list[Order]:
        by = "date_modified_gmt" if query.get("dates_are_gmt") == "true" else "date_modified"
        found = [
            self.rendered(order_id) for order_id, order in self.orders.items()
            if order["status"] != "trash" and order[by] > query.get("modified_after", "")
        ]  # fmt: skip
        field = "date_modified" if query.get("orderby") == "modified" else "date_created"
        return sorted(found, key=lambda order: (order[field], order["id"]), reverse=query.get("order") != "asc")

    @staticmethod
    def _page(found: list[Any], query: dict[str, str]) -> Answer:
        size, page = int(query.get("per_page", 10)), int(query.get("page", 1))
        pages = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(-(-len(found) // size))}
        return 200, found[(page - 1) * size : page * size], pages

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _touch(self, order_id: int, **fields: Any) -> None:
        self.orders[order_id].update(fields)
        self.orders[order_id].update(self._times("modified"))
        self.now += timedelta(minutes=1)

    def _times(self, name: str, at: str | None = "now") -> dict[str, str | None]:
        local, gmt = f"date_{name}", f"date_{name}_gmt"
        if at is None:
            return {local: None, gmt: None}
        return {local: f"{self.now + ZONE:%Y-%m-%dT%H:%M:%S}", gmt: f"{self.now:%Y-%m-%dT%H:%M:%S}"}
