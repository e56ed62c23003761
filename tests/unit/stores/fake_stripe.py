"""An account at Stripe with state: events as they are sent, and the API that says what they leave out.

Shapes are those of the API reference: https://docs.stripe.com/api.
"""

from __future__ import annotations

import hmac
import json
from copy import deepcopy
from datetime import datetime
from hashlib import sha256
from typing import Any

from tests.unit.stores.listening import NOW, Request
from tests.unit.stores.serving import Answer

API_KEY = "rk_test_key"
SECRET = "whsec_c2VjcmV0"
COURSE, OTHER = "course-v1:edX+DemoX+2026", "course-v1:edX+UniX+2026"
START = 1777636800  # 2026-05-01T12:00:00Z


def header(raw: bytes, *secrets: str, at: datetime = NOW) -> str:
    seconds = str(int(at.timestamp()))
    signed = [hmac.new(secret.encode(), seconds.encode() + b"." + raw, sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={seconds}", *(f"v1={signature}" for signature in signed), "v0=deprecated"])


class FakeStripe:
    def __init__(self, livemode: bool = True) -> None:
        self.now, self.livemode = START, livemode
        self.objects: dict[str, dict[str, Any]] = {}
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.is_away = False
        self.kept_from = 0  # events before that time are gone
        self._ids = 0

    def _id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}_1N4BEoLkdIwHu7ix{self._ids:04}"

    def _tick(self, seconds: int = 11) -> int:
        self.now += seconds
        return self.now

    def _made(self, prefix: str, kind: str, **more: Any) -> dict[str, Any]:
        made = {"id": self._id(prefix), "object": kind, "created": self._tick(), "livemode": self.livemode, **more}
        self.objects[made["id"]] = made
        return made

    # the account's own life

    def line(
        self, amount: int = 10000, quantity: int | None = 1, course: str | None = COURSE, mode: str = "verified",
        lookup_key: str | None = None, of_price: dict[str, str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """As ``line_items`` give it; the product only where it is expanded."""
        product = self._made("prod", "product", active=True, name="A course", metadata={
            "course_key": course, "mode": mode} if course else {})  # fmt: skip
        total = amount * (quantity or 1)
        return {
            "id": self._id("li"), "object": "item", "amount_discount": 0, "amount_subtotal": total, "amount_tax": 0,
            "amount_total": total, "currency": "usd", "description": "A course", "quantity": quantity,
            "price": {
                "id": self._id("price"), "object": "price", "active": True, "billing_scheme": "per_unit",
                "created": START, "currency": "usd", "custom_unit_amount": None, "livemode": self.livemode,
                "lookup_key": lookup_key, "metadata": of_price or {}, "nickname": None, "product": product["id"],
                "recurring": None, "type": "one_time", "unit_amount": amount, "unit_amount_decimal": str(amount),
            },
        }  # fmt: skip

    def session(self, *lines: dict[str, Any], mode: str = "payment", **more: Any) -> dict[str, Any]:
        made = self._made(
            "cs_live", "checkout.session", mode=mode, status="open", payment_status="unpaid", payment_intent=None,
            amount_subtotal=0, amount_total=sum(line["amount_total"] for line in lines), currency="usd",
            client_reference_id=None, consent=None, customer=None, customer_email=None, customer_details=None,
            metadata={}, payment_link=None, setup_intent=None, subscription=None, url=None, **more,
        )  # fmt: skip
        self.lines[made["id"]] = list(lines)
        return made

    def complete(self, session: dict[str, Any], payment_status: str = "paid", email: str | None = "learner@example.com",
                 ) -> Request:  # fmt: skip
        """The customer has finished; some methods of payment take days from here."""
        session["status"], session["payment_status"] = "complete", payment_status
        session["customer_details"] = {"address": None, "email": email, "name": None, "phone": None, "tax_ids": []}
        if payment_status != "no_payment_required":
            session["payment_intent"] = self._made(
                "pi", "payment_intent", amount=session["amount_total"], latest_charge=None, status="processing"
            )["id"]
        if payment_status == "paid":
            self._charge(session)
        return self._told("checkout.session.completed", session)

    def clear(self, session: dict[str, Any]) -> Request:
        """The money of a slow method has come."""
        session["payment_status"] = "paid"
        self._charge(session)
        return self._told("checkout.session.async_payment_succeeded", session)

    def _charge(self, session: dict[str, Any]) -> None:
        intent = self.objects[session["payment_intent"]]
        charge = self._made(
            "ch", "charge", amount=session["amount_total"], amount_captured=session["amount_total"], amount_refunded=0,
            captured=True, currency="usd", disputed=False, paid=True, payment_intent=intent["id"], refunded=False,
            status="succeeded", billing_details={"email": "learner@example.com"}, metadata={},
        )  # fmt: skip
        intent["latest_charge"], intent["status"] = charge["id"], "succeeded"

    def charge_of(self, session: dict[str, Any]) -> dict[str, Any]:
        return self.objects[self.objects[session["payment_intent"]]["latest_charge"]]

    def refund(self, session: dict[str, Any], amount: int, status: str = "succeeded", **metadata: str) -> list[Request]:
        """Everything that is sent: one refund, and several events that speak of it."""
        charge = self.charge_of(session)
        refund = self._made(
            "re", "refund", amount=amount, charge=charge["id"], currency="usd", metadata=metadata,
            payment_intent=charge["payment_intent"], reason="requested_by_customer", status=status,
        )  # fmt: skip
        said = [self._told("refund.created", refund)]
        if status == "succeeded":
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]
            said += [self._told("charge.refunded", charge), self._told("refund.updated", refund)]
        return said

    def refund_becomes(self, session: dict[str, Any], status: str) -> Request:
        refund = next(made for made in self.objects.values() if made["object"] == "refund")
        refund["status"] = status
        return self._told("refund.failed" if status == "failed" else "refund.updated", refund)

    def dispute(self, session: dict[str, Any], status: str = "needs_response", amount: int | None = None) -> Request:
        charge = self.charge_of(session)
        made = self._made(
            "du", "dispute", amount=charge["amount"] if amount is None else amount, balance_transactions=[],
            charge=charge["id"], currency="usd", evidence={}, evidence_details={}, is_charge_refundable=False,
            metadata={}, payment_intent=charge["payment_intent"], reason="fraudulent", status=status,
        )  # fmt: skip
        return self._told("charge.dispute.created", made)

    def dispute_becomes(self, status: str) -> Request:
        dispute = next(made for made in self.objects.values() if made["object"] == "dispute")
        dispute["status"] = status
        return self._told("charge.dispute.closed", dispute)

    def _told(self, kind: str, of: dict[str, Any]) -> Request:
        event = {
            "id": self._id("evt"), "object": "event", "api_version": "2024-06-20", "created": self._tick(),
            "data": {"object": deepcopy(of)}, "livemode": self.livemode, "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None}, "type": kind,
        }  # fmt: skip
        self.events.append(event)
        return self.sent(event)

    def sent(self, event: Any, at: datetime = NOW) -> Request:
        raw = json.dumps(event).encode()
        return {"stripe-signature": header(raw, SECRET, at=at)}, raw

    # what it answers

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        self.asked.append((path, query))
        if self.is_away:
            return 503, {"error": {"type": "api_error"}}, {}
        if headers.get("authorization") != f"Bearer {API_KEY}" or not headers.get("stripe-version"):
            return 401, {"error": {"type": "invalid_request_error"}}, {}
        parts = path.removeprefix("/v1/").split("/")
        expand = query.get("expand[]", "").split(",")
        if parts[0] == "events":
            kinds = set(query["types[]"].split(","))
            assert len(kinds) <= 20
            found = [event for event in self.events if event["type"] in kinds and event["created"] >= self.kept_from]
            return self._list(found, query)
        if parts == ["checkout", "sessions"]:
            return self._list(self._all("checkout.session"), query)
        if parts[:2] == ["checkout", "sessions"] and parts[3:] == ["line_items"]:
            lines = deepcopy(self.lines.get(parts[2], []))
            for line in lines if "data.price.product" in expand else []:
                line["price"]["product"] = self.objects[line["price"]["product"]]
            return self._list(lines, query, newest_first=False)
        if parts in (["refunds"], ["disputes"]):
            return self._list(self._all(parts[0][:-1]), query)
        made = deepcopy(self.objects.get(parts[-1]))
        if made is None:
            return 404, {"error": {"code": "resource_missing", "type": "invalid_request_error"}}, {}
        if "payment_intent.latest_charge" in expand and made["payment_intent"]:
            intent = deepcopy(self.objects[made["payment_intent"]])
            intent["latest_charge"] = self.objects.get(intent["latest_charge"])
            made["payment_intent"] = intent
        return 200, made, {}

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [made for made in self.objects.values() if made["object"] == kind]

    def _list(self, found: list[dict[str, Any]], query: dict[str, str], newest_first: bool = True) -> Answer:
        if "payment_intent" in query:
            found = [made for made in found if made["payment_intent"] == query["payment_intent"]]
        if "created[gte]" in query:
            found = [made for made in found if made["created"] >= int(query["created[gte]"])]
        found = found[::-1] if newest_first else found
        if "starting_after" in query:
            ids = [made["id"] for made in found]
            found = found[ids.index(query["starting_after"]) + 1 :]
        limit = min(int(query.get("limit", 10)), 100)
        return 200, {"object": "list", "url": "/v1", "has_more": len(found) > limit, "data": found[:limit]}, {}
