"""The smallest store that has everything: signed bodies, ids of deliveries, questions, and an API that can be away."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.signatures import any_fits, from_hex
from commerce_events.stores.snapshot import Item, Learner, Returned, Reversal, Snapshot

KIND = "tests.unit.stores.tiny:Tiny"
PAID_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Shop:
    """The store's own side."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)  # ids, the oldest change first
    is_away: bool = False
    is_locked: bool = False
    fetched: list[str] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)

    def sell(self, order_id: str, **more: Any) -> dict[str, Any]:
        self.orders[order_id] = order = {**order_of(order_id), **more}
        self.changed.append(order_id)
        return order

    def refund(self, order_id: str, refund_id: str, quantity: int = 1) -> dict[str, Any]:
        order = self.orders[order_id]
        order["refunds"] = [*order["refunds"], {"id": refund_id, "quantity": quantity}]
        self.changed.append(order_id)
        return order


#: By the slug of the source.
SHOPS: dict[str, Shop] = {}


def order_of(order_id: str, quantity: int = 1) -> dict[str, Any]:
    return {"id": order_id, "paid": True, "email": "learner@example.com", "quantity": quantity, "refunds": []}


class Tiny:
    """Option ``sweeps``: ``asks`` or ``orders``, what ``changed`` gives."""

    def __init__(self, source: str, options: Options) -> None:
        unknown = options.keys() - {"sweeps"}
        if unknown:
            raise OperatorError(f"source {source}: unknown options {sorted(unknown)}", hint="There is: sweeps.")
        self.source, self.options = source, options

    @property
    def shop(self) -> Shop:
        return SHOPS.setdefault(self.source, Shop())

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        at = headers.get("x-time", "")
        if at and abs(now - datetime.fromisoformat(at)) > timedelta(minutes=5):
            raise SignatureError("the signature is too old")
        signed = at.encode() + raw
        any_fits([from_hex(headers.get("x-signature", ""))], [secret.encode() for secret in secrets], signed)

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        return headers.get("x-delivery")

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        try:
            body = json.loads(raw)
        except ValueError:
            raise BodyError("the body is not JSON") from None
        if "ask" in body:
            return [Ask(body["ask"])]
        if "orders" in body:
            return [picture(order) for order in body["orders"]]
        if "boom" in body:
            raise KeyError("learner@example.com")
        return [Nothing("no order")]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        self._reach()
        self.shop.fetched.append(ask.id)
        order = self.shop.orders.get(ask.id)
        return [picture(order)] if order else [Nothing("gone")]

    def changed(self, since: datetime) -> Iterator[Reading]:
        self.shop.since.append(since)
        for order_id in list(self.shop.changed):
            self._reach()
            if self.options.get("sweeps") == "asks":
                yield Ask(order_id)
            else:
                yield picture(self.shop.orders[order_id])

    def _reach(self) -> None:
        if self.shop.is_away:
            raise TransientError("the store does not answer")
        if self.shop.is_locked:
            raise OperatorError("the store refuses our key", hint="Look at the key.")


def picture(order: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        order_id=order["id"], paid_at=PAID_AT if order["paid"] else None, learner=Learner(email=order["email"] or None),
        items=(Item(line_id="1", quantity=order["quantity"], course_key="course-v1:edX+DemoX+2026", mode="verified"),),
        reversals=tuple(
            Reversal(
                refund_id=refund["id"], at=PAID_AT + timedelta(minutes=number),
                lines=(Returned(line_id="1", quantity=refund["quantity"]),),
            )
            for number, refund in enumerate(order["refunds"], 1)
        ),
    )  # fmt: skip


def signed(secret: str, raw: bytes, delivery: str | None = None, at: str = "") -> dict[str, str]:
    """Headers as this store sends them."""
    signature = hmac.new(secret.encode(), at.encode() + raw, sha256).hexdigest()
    said = {"x-signature": signature, "x-delivery": delivery, "x-time": at or None}
    return {name: text for name, text in said.items() if text is not None}
