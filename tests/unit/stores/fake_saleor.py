"""A Saleor shop with state, in the shape of its API: webhooks rendered at delivery, GraphQL, and its public keys.

It answers what our queries ask for and no more: a field that is read and not asked for is missing here as well. Its
flags are as careless as the real one's: ``chargeStatus`` and ``isPaid`` are worked out when money moves, and stay when
staff add a line.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from commerce_events.stores.saleor import queries
from tests.unit.stores.listening import Request
from tests.unit.stores.serving import Answer

Order = dict[str, Any]
COURSE, OTHER = "course-v1:edX+DemoX+2026", "course-v1:edX+UniX+2026"
TOKEN = "app-token"
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@cache
def key(number: int = 1, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public(kid: str, private: rsa.RSAPrivateKey) -> dict[str, Any]:
    return {
        **jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True),
        "kid": kid, "use": "sig", "alg": "RS256", "key_ops": ["verify"],
    }  # fmt: skip


def jws(raw: bytes, private: Any, algorithm: str = "RS256", **header: Any) -> str:
    """A detached JWS, as the shop makes it."""
    said = {"kid": "k1", "crit": ["b64"], **header}
    return jwt.PyJWS().encode(raw, private, algorithm=algorithm, headers=said, is_payload_detached=True)


def asked_for(fragment: str) -> dict[str, Any]:
    """The fields of a selection, nested."""
    words = iter(re.findall(r"[A-Za-z_]+|[{}]", fragment[fragment.index("{") + 1 :]))

    def fields() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for word in words:
            if word == "}":
                break
            if word == "{":
                found[[*found][-1]] = fields()
            else:
                found[word] = None
        return found

    return fields()


def cut(value: Any, fields: dict[str, Any] | None) -> Any:
    """What was asked for of it."""
    if fields is None or value is None:
        return value
    if isinstance(value, list):
        return [cut(entry, fields) for entry in value]
    return {name: cut(value[name], inner) for name, inner in fields.items()}


FIELDS = asked_for(queries.ORDER)


def gid(kind: str, number: int) -> str:
    return b64encode(f"{kind}:{number}".encode()).decode()


def money(amount: float) -> dict[str, float]:
    return {"amount": amount}


class FakeSaleor:
    def __init__(self) -> None:
        self.now = START
        self.orders: dict[str, Order] = {}
        self.keys = {"k1": key()}
        self.users: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.is_away = self.has_errors = False
        self._ids = 60

    def _id(self, kind: str) -> str:
        self._ids += 1
        return gid(kind, self._ids)

    def _tick(self) -> str:
        self.now += timedelta(seconds=7)
        return self.now.isoformat()

    # the shop's own life

    def customer(self, email: str = "learner@example.com", confirmed: bool = False, **metadata: str) -> dict[str, Any]:
        pairs = [{"key": f"openedx.{name}", "value": value} for name, value in metadata.items()]
        user = {"id": self._id("User"), "email": email, "isConfirmed": confirmed, "metadata": pairs}
        self.users[email] = user
        return user

    def line(
        self, price: float = 100.0, quantity: int = 1, course: str | None = COURSE, mode: str | None = "verified",
        sku: str | None = "SKU-1", **of_product: str,
    ) -> dict[str, Any]:  # fmt: skip
        said = {"openedx.course_key": course, "openedx.mode": mode}
        metadata = [{"key": name, "value": value} for name, value in said.items() if value]
        variant = self._id("ProductVariant")
        return {
            "id": self._id("OrderLine"), "quantity": quantity, "quantityToFulfill": quantity,
            "productName": "Open edX Demonstration Course", "variantName": "Verified", "productSku": sku,
            "productVariantId": variant, "unitPrice": {"gross": {"amount": price, "currency": "USD"}},
            "totalPrice": {"gross": money(price * quantity)}, "isGift": False,
            "variant": {"id": variant, "sku": sku, "metadata": metadata, "product": {
                "id": self._id("Product"), "metadata": [{"key": name, "value": of} for name, of in of_product.items()],
            }},
            "metadata": [],
        }  # fmt: skip

    def place(self, *lines: dict[str, Any], email: str = "learner@example.com", **more: Any) -> str:
        """Any order with a customer's address gets that customer, whoever typed it in. A draft is placed later."""
        order_id, at = self._id("Order"), self._tick()
        self.orders[order_id] = {
            "id": order_id, "number": str(self._ids), "created": at, "updatedAt": at, "status": "UNFULFILLED",
            "statusDisplay": "Unfulfilled", "origin": "CHECKOUT", "isPaid": False, "paymentStatus": "NOT_CHARGED",
            "chargeStatus": "NONE", "authorizeStatus": "NONE", "languageCodeEnum": "EN", "externalReference": None,
            "userEmail": email, "user": self.users.get(email),
            "channel": {"slug": "default-channel", "currencyCode": "USD"}, "lines": list(lines), "grantedRefunds": [],
            "transactions": [], "payments": [], "fulfillments": [], "events": [], "metadata": [], **more,
        }  # fmt: skip
        self._flags(self.orders[order_id])
        return order_id

    def add_line(self, order_id: str, line: dict[str, Any]) -> None:
        """Staff add a line: no flag notices."""
        self.orders[order_id]["lines"].append(line)
        self._happens(order_id, "ADDED_PRODUCTS", line)
        self._touch(order_id)

    def _happens(self, order_id: str, kind: str, *lines: dict[str, Any]) -> None:
        said = [{"quantity": line["quantity"], "orderLine": {"id": line["id"]}} for line in lines]
        self.orders[order_id]["events"].append({
            "id": self._id("OrderEvent"), "type": kind, "date": self._tick(), "lines": said or None,
        })  # fmt: skip

    def move(self, order_id: str, kind: str, amount: float) -> str:
        """An event of the order's transaction."""
        order = self.orders[order_id]
        if not order["transactions"]:
            order["transactions"].append({
                "id": self._id("TransactionItem"), "pspReference": "ch_1", "name": "Credit card", "events": [],
            })  # fmt: skip
        event_id = self._id("TransactionEvent")
        order["transactions"][0]["events"].insert(0, {
            "id": event_id, "type": kind, "amount": money(amount), "pspReference": "", "message": "",
            "createdAt": self._tick(),
        })  # fmt: skip
        self._touch(order_id)
        self._flags(order)
        return event_id

    def grant(self, order_id: str, amount: float, *lines: tuple[dict[str, Any], int], status: str = "NONE") -> str:
        """Staff grant a refund; nothing is sent, no money moves."""
        grant_id, at = self._id("OrderGrantedRefund"), self._tick()
        self.orders[order_id]["grantedRefunds"].append({
            "id": grant_id, "createdAt": at, "updatedAt": at, "status": status, "reason": "Left the course",
            "shippingCostsIncluded": False, "amount": {"amount": amount, "currency": "USD"}, "transaction": None,
            "lines": self._returned(lines, "OrderGrantedRefundLine"),
        })  # fmt: skip
        self._flags(self.orders[order_id])
        return grant_id

    def cancel(self, order_id: str) -> None:
        order = self.orders[order_id]
        self._happens(order_id, "CANCELED")
        order["status"] = "CANCELED"
        self._touch(order_id)

    # the older payment flow

    def pay(self, order_id: str, kind: str = "CAPTURE", amount: float | None = None) -> None:
        order = self.orders[order_id]
        total = self._total(order)
        if not order["payments"]:
            order["payments"].append({
                "id": self._id("Payment"), "gateway": "mirumee.payments.dummy", "chargeStatus": "FULLY_CHARGED",
                "isActive": True, "total": money(total), "capturedAmount": money(total), "transactions": [],
            })  # fmt: skip
        order["payments"][0]["transactions"].append({
            "id": self._id("Transaction"), "kind": kind, "isSuccess": True, "created": self._tick(),
            "amount": money(total if amount is None else amount),
        })  # fmt: skip
        self._touch(order_id)
        self._flags(order)

    def refund_products(self, order_id: str, amount: float, *lines: tuple[dict[str, Any], int]) -> str:
        """The money first, then the fulfillment, in one transaction of the shop's database."""
        self.pay(order_id, "REFUND", amount)
        return self.fulfillment(order_id, "REFUNDED", lines, money(amount))

    def fulfillment(self, order_id: str, status: str, lines: Any, amount: Any = None) -> str:
        fulfillment_id = self._id("Fulfillment")
        self.orders[order_id]["fulfillments"].append({
            "id": fulfillment_id, "status": status, "created": self._tick(), "totalRefundedAmount": amount,
            "shippingRefundedAmount": None, "lines": self._returned(lines, "FulfillmentLine"),
        })  # fmt: skip
        self._touch(order_id)
        return fulfillment_id

    # what it shows

    def order(self, order_id: str) -> Order:
        order = deepcopy(self.orders[order_id])
        charged, refunded = self._held(order)
        granted = sum(grant["amount"]["amount"] for grant in order["grantedRefunds"])
        whole = {
            **order, "total": {"gross": {"amount": self._total(order), "currency": "USD"}},
            "totalCharged": money(charged), "totalRefunded": money(refunded), "totalGrantedRefund": money(granted),
        }  # fmt: skip
        return cut(whole, FIELDS)  # type: ignore[no-any-return]

    def deliver(self, order_id: str, event: str = "OrderUpdated", **headers: str) -> Request:
        """As the order is now, whatever the event was."""
        body = {
            "__typename": event, "issuedAt": self.now.isoformat(), "version": "3.24.0-a.0",
            "issuingPrincipal": None, "order": self.order(order_id),
        }  # fmt: skip
        return self.signed(json.dumps(body).encode(), **headers)

    def signed(self, raw: bytes, **headers: str) -> Request:
        return {"saleor-event": "order_updated", "saleor-signature": jws(raw, self.keys["k1"]), **headers}, raw

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [public(kid, private) for kid, private in self.keys.items()]}

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        self.asked.append({"path": path})
        if self.is_away:
            return 503, {}, {}
        return (200, self.jwks, {}) if path == "/.well-known/jwks.json" else (404, {}, {})

    def post(self, path: str, body: Any, headers: dict[str, str]) -> Answer:
        self.asked.append(body)
        if self.is_away:
            return 503, {}, {}
        if path != "/graphql/" or headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {}, {}
        if self.has_errors:
            return 200, {"errors": [{"message": "To access this path, you need MANAGE_ORDERS."}], "data": None}, {}
        variables = body["variables"]
        if "id" in variables:
            found = variables["id"] in self.orders
            return 200, {"data": {"order": self.order(variables["id"]) if found else None}}, {}
        return 200, {"data": {"orders": self._page(variables)}}, {}

    def _page(self, variables: dict[str, Any]) -> dict[str, Any]:
        since, first = datetime.fromisoformat(variables["since"]), variables["first"]
        changed = sorted(
            (order for order in self.orders.values()
             if order["status"] != "DRAFT" and datetime.fromisoformat(order["updatedAt"]) >= since),
            key=lambda order: order["updatedAt"],
        )  # fmt: skip
        begin = int(variables["after"] or 0)
        page = changed[begin : begin + first]
        return {
            "edges": [{"node": self.order(order["id"])} for order in page],
            "pageInfo": {"hasNextPage": begin + first < len(changed), "endCursor": str(begin + len(page))},
        }  # fmt: skip

    def _returned(self, lines: Any, kind: str) -> list[dict[str, Any]]:
        return [
            {"id": self._id(kind), "quantity": quantity, "orderLine": {"id": line["id"]}} for line, quantity in lines
        ]

    def _touch(self, order_id: str) -> None:
        self.orders[order_id]["updatedAt"] = self._tick()

    def _total(self, order: Order) -> float:
        return sum(line["totalPrice"]["gross"]["amount"] for line in order["lines"])

    def _held(self, order: Order) -> tuple[float, float]:
        charged = refunded = 0.0
        moves = [move for transaction in order["transactions"] for move in transaction["events"]]
        for move in moves:
            amount = move["amount"]["amount"]
            charged += {"CHARGE_SUCCESS": 1, "REFUND_REVERSE": 1, "REFUND_SUCCESS": -1, "CHARGE_BACK": -1}.get(
                move["type"], 0
            ) * amount
            refunded += {"REFUND_SUCCESS": 1, "REFUND_REVERSE": -1}.get(move["type"], 0) * amount
        for payment in order["payments"]:
            for part in (part for part in payment["transactions"] if part["isSuccess"]):
                charged += {"CAPTURE": 1, "EXTERNAL": 1, "REFUND": -1}.get(part["kind"], 0) * part["amount"]["amount"]
        return charged, refunded

    def _flags(self, order: Order) -> None:
        charged, _ = self._held(order)
        granted = sum(grant["amount"]["amount"] for grant in order["grantedRefunds"])
        due = self._total(order) - granted
        order["chargeStatus"] = (
            "FULL" if charged == due else "OVERCHARGED" if charged > due else "PARTIAL" if charged > 0 else "NONE"
        )
        order["isPaid"] = charged >= self._total(order)


def hex_hmac(secret: str, raw: bytes) -> str:
    """The header of a webhook with a ``secretKey``."""
    return hmac.new(secret.encode(), raw, sha256).hexdigest()
