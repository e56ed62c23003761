"""A Shopify shop with state: its webhooks and its Admin API render the same orders, in the shape of its docs.

Ids are as large as Shopify's, beyond what a float holds; times have the shop's zone.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from uuid import uuid4

from tests.unit.stores.listening import Request
from tests.unit.stores.serving import Answer

Order = dict[str, Any]
TOKEN, SECRET = "shpat_token", "secret"
ZONE = timezone(timedelta(hours=-5))
COURSE, OTHER = "course-v1:edX+DemoX+2026", "course-v1:edX+UniX+2026"
FIRST_ID = (1 << 53) + 820_982_911_946_154_501


class FakeShopify:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, tzinfo=UTC)
        self.orders: dict[int, Order] = {}
        self.transactions: dict[int, list[dict[str, Any]]] = {}
        self.metafields: dict[str, dict[str, str]] = {}
        self.disputes: dict[int, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.page = 250
        self._ids = FIRST_ID

    # the shop's own life

    def line(self, sku: str | None = "SKU-1", quantity: int = 1, *, price: int = 10, **more: Any) -> dict[str, Any]:
        line_id = self._id()
        return {
            "id": line_id, "admin_graphql_api_id": f"gid://shopify/LineItem/{line_id}", "current_quantity": quantity,
            "fulfillable_quantity": quantity, "fulfillment_service": "manual", "fulfillment_status": None,
            "gift_card": False, "grams": 0, "name": "A course", "price": f"{price}.00", "product_exists": True,
            "product_id": 632910392, "properties": [], "quantity": quantity, "requires_shipping": False, "sku": sku,
            "taxable": True, "title": "A course", "total_discount": "0.00", "variant_id": 808950810,
            "variant_title": None, "vendor": None, "tax_lines": [], "duties": [], "discount_allocations": [], **more,
        }  # fmt: skip

    def place(self, *lines: dict[str, Any], **more: Any) -> int:
        order_id = self._id()
        total = f"{sum(float(line['price']) * line['quantity'] for line in lines):.2f}"
        self.transactions[order_id] = []
        self.orders[order_id] = {
            "id": order_id, "admin_graphql_api_id": f"gid://shopify/Order/{order_id}", "app_id": None,
            "buyer_accepts_marketing": False, "cancel_reason": None, "cancelled_at": None, "closed_at": None,
            "confirmed": True, "contact_email": "learner@example.com", "created_at": self._at(), "currency": "USD",
            "current_total_price": total, "customer_locale": "en", "email": "learner@example.com",
            "financial_status": "pending", "fulfillment_status": None, "name": f"#{len(self.orders) + 1001}",
            "note": None, "note_attributes": [], "number": 1, "order_number": 1001, "payment_gateway_names": ["bogus"],
            "processed_at": self._at(), "source_name": "web", "tags": "", "test": False, "total_outstanding": total,
            "total_price": total, "updated_at": self._at(),
            "customer": {"id": self._id(), "email": "learner@example.com", "verified_email": True},
            "line_items": list(lines), "refunds": [], **more,
        }  # fmt: skip
        self._touch(order_id)
        return order_id

    def pay(self, order_id: int) -> None:
        self._transaction(order_id, "sale", "success")
        self._touch(order_id, financial_status="paid", total_outstanding="0.00")

    def decline(self, order_id: int) -> None:
        """A card that is refused."""
        self._transaction(order_id, "sale", "failure")
        self._touch(order_id)

    def change(self, order_id: int, **fields: Any) -> None:
        self._touch(order_id, **fields)

    def refund(
        self, order_id: int, seats: dict[int, int] | None = None, *, status: str | None = "success",
        amount: float | None = None,
    ) -> int:  # fmt: skip
        """By line id the seats; ``status`` of the transaction, None for a refund without one."""
        order, refund_id = self.orders[order_id], self._id()
        by_id = {line["id"]: line for line in order["line_items"]}
        given = amount if amount is not None else 10.0 * sum((seats or {}).values())
        for line_id, quantity in (seats or {}).items():
            by_id[line_id]["current_quantity"] -= quantity
        entries = [
            {
                "id": self._id(), "line_item_id": line_id, "quantity": quantity, "location_id": None,
                "restock_type": "no_restock", "subtotal": 10.0 * quantity, "total_tax": 0.0,
                "line_item": dict(by_id[line_id]),
            } for line_id, quantity in (seats or {}).items()
        ]  # fmt: skip
        moves = [self._transaction(order_id, "refund", status, f"{given:.2f}")] if status else []
        order["refunds"].append({
            "id": refund_id, "admin_graphql_api_id": f"gid://shopify/Refund/{refund_id}", "order_id": order_id,
            "created_at": self._at(), "note": None, "processed_at": self._at(), "restock": False, "user_id": 1,
            "duties": [], "order_adjustments": [], "refund_line_items": entries, "transactions": moves,
        })  # fmt: skip
        self._settle(order_id)
        return refund_id

    def succeed(self, order_id: int, refund_id: int, status: str = "success") -> None:
        """A refund that was on its way has arrived, or has not."""
        for refund in self.orders[order_id]["refunds"]:
            if refund["id"] == refund_id:
                refund["transactions"][0]["status"] = status
        self._settle(order_id)

    def dispute(self, order_id: int, kind: str = "chargeback", amount: str = "10.00") -> int:
        dispute_id = self._id()
        self.disputes[dispute_id] = {
            "id": dispute_id, "order_id": order_id, "type": kind, "currency": "USD", "amount": amount,
            "reason": "fraudulent", "network_reason_code": "4827", "status": "needs_response",
            "evidence_due_by": self._at(), "evidence_sent_on": None, "finalized_on": None, "initiated_at": self._at(),
        }  # fmt: skip
        self.now += timedelta(minutes=1)
        return dispute_id

    # what it says

    def webhook(self, order_id: int, topic: str = "orders/updated") -> Request:
        return self.signed(self.orders[order_id], topic)

    def refund_webhook(self, order_id: int) -> Request:
        return self.signed(self.orders[order_id]["refunds"][-1], "refunds/create")

    def signed(self, body: Any, topic: str, event: str | None = None, secret: str = SECRET) -> Request:
        raw = json.dumps(body).encode()
        digest = hmac.new(secret.encode(), raw, sha256).digest()
        return {
            "content-type": "application/json", "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(), "x-shopify-shop-domain": "a.myshopify.com",
            "x-shopify-api-version": "2025-10", "x-shopify-webhook-id": str(uuid4()),
            "x-shopify-event-id": event or str(uuid4()), "x-shopify-triggered-at": self._at(),
        }, raw  # fmt: skip

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        """The Admin API."""
        path = path.removeprefix("/admin/api/2025-10/").removesuffix(".json")
        self.asked.append(path)
        if headers.get("x-shopify-access-token") != TOKEN:
            return 401, {"errors": "[API] Invalid API key or access token"}, {}
        match path.split("/"):
            case ["orders"]:
                return self._listed(path, "orders", self._changed(query), query)
            case ["orders", order_id] if int(order_id) in self.orders:
                return 200, {"order": self.orders[int(order_id)]}, {}
            case ["orders", order_id, "transactions"]:
                return 200, {"transactions": self.transactions[int(order_id)]}, {}
            case ["shopify_payments", "disputes"]:
                found = sorted(self.disputes.values(), key=lambda one: one["initiated_at"], reverse=True)
                return self._listed(path, "disputes", found, query)
            case ["shopify_payments", "disputes", dispute_id] if int(dispute_id) in self.disputes:
                return 200, {"dispute": self.disputes[int(dispute_id)]}, {}
            case [*owner, "metafields"] if "/".join(owner) in self.metafields:
                fields = self.metafields["/".join(owner)].items() if query["namespace"] == "openedx" else ()
                return 200, {"metafields": [
                    {
                        "id": 1069228937, "namespace": "openedx", "key": key, "value": value,
                        "type": "single_line_text_field",
                    } for key, value in fields
                ]}, {}  # fmt: skip
        return 404, {"errors": "Not Found"}, {}

    def _changed(self, query: dict[str, str]) -> list[Order]:
        if "page_info" in query:  # a cursor comes alone
            assert query.keys() == {"page_info", "limit"}
            since = datetime.min.replace(tzinfo=UTC)
        else:
            assert (query["status"], query["order"]) == ("any", "updated_at asc")
            since = datetime.fromisoformat(query["updated_at_min"])
        found = [order for order in self.orders.values() if datetime.fromisoformat(order["updated_at"]) >= since]
        return sorted(found, key=lambda order: datetime.fromisoformat(order["updated_at"]))

    def _listed(self, path: str, name: str, found: list[Any], query: dict[str, str]) -> Answer:
        start, size = int(query.get("page_info", 0)), min(self.page, int(query["limit"]))
        more = {}
        if start + size < len(found):
            address = f"https://a.myshopify.com/admin/api/2025-10/{path}.json"
            more["Link"] = f'<{address}?limit={size}&page_info={start + size}>; rel="next"'
        return 200, {name: found[start : start + size]}, more

    def _settle(self, order_id: int) -> None:
        order = self.orders[order_id]
        moved = [
            float(move["amount"]) for refund in order["refunds"] for move in refund["transactions"]
            if move["status"] == "success"
        ]  # fmt: skip
        status = order["financial_status"]
        if moved:
            status = "refunded" if sum(moved) >= float(order["total_price"]) else "partially_refunded"
        self._touch(order_id, financial_status=status)

    def _transaction(self, order_id: int, kind: str, status: str, amount: str = "10.00") -> dict[str, Any]:
        self.transactions[order_id].append({
            "id": self._id(), "order_id": order_id, "kind": kind, "gateway": "bogus", "status": status, "message": "",
            "created_at": self._at(), "processed_at": self._at(), "test": False, "amount": amount, "currency": "USD",
        })  # fmt: skip
        return self.transactions[order_id][-1]

    def _id(self) -> int:
        self._ids += 2
        return self._ids

    def _at(self) -> str:
        return self.now.astimezone(ZONE).isoformat()

    def _touch(self, order_id: int, **fields: Any) -> None:
        self.orders[order_id].update(fields, updated_at=self._at())
        self.now += timedelta(minutes=1)
