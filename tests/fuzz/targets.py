"""What is fuzzed: functions of bytes that may refuse, in their own words, and do nothing else that is unexpected."""
from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commerce_events import avsc, topics, wire
from commerce_events.exceptions import ContractError
from commerce_events.stores.adapter import BodyError, SignatureError, adapter
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.snapshot import Snapshot
from commerce_events.validation import validate

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "another secret")
TYPES = sorted(topics.EVENT_TYPES)
#: Headers that carry a signature, by kind of store.
SIGNED = {
    "woocommerce": ("x-wc-webhook-signature",),
    "shopify": ("x-shopify-hmac-sha256",),
    "saleor": ("saleor-signature",),
    "stripe": ("stripe-signature",),
    "signed_json": ("webhook-id", "webhook-timestamp", "webhook-signature"),
    "unified_ecommerce": (),
}
_KEYS = Path(__file__).resolve().parents[1] / "payloads" / "saleor" / "jwks.json"
OPTIONS: dict[str, dict[str, Any]] = {
    "saleor": {"jwks": json.loads(_KEYS.read_text())},
    "stripe": {"api_key": "rk_test_nobody_is_asked"},
}


def decode(data: bytes) -> None:
    """Decode → validate: what passes is written and read back the same."""
    if not data:
        return
    event_type = TYPES[data[0] % len(TYPES)]
    try:
        _, body = wire.unframe(data[1:])
        event = wire.decode(event_type, body)
        validate(event_type, event)
    except ContractError:
        return
    again = wire.decode(event_type, wire.encode(event_type, event))
    assert again == event, "what was read is not what is written"


def schema(data: bytes) -> None:
    """Somebody's schema, and bytes that are said to follow it."""
    text, _, body = data.partition(b"\0")
    try:
        writer = wire.accept_writer(topics.ORDER_PAID_TYPE, text.decode("utf-8", "replace"))
        event = wire.decode(topics.ORDER_PAID_TYPE, body, writer)
        validate(topics.ORDER_PAID_TYPE, event)
    except ContractError:
        return


def signature(kind: str) -> Callable[[bytes], None]:
    """A request that nobody signed is refused, whatever it says; and says nothing about how."""
    made = adapter(kind, "shop", OPTIONS.get(kind, {}))

    def target(data: bytes) -> None:
        *values, raw = data.split(b"\n", len(SIGNED[kind]))
        headers = {name: value.decode("latin-1") for name, value in zip(SIGNED[kind], values, strict=False)}
        try:
            made.verify(headers, raw, SECRETS, NOW)
        except SignatureError:
            return
        # a creation ping is no order and needs no signature; anything else that passes was signed
        assert kind == "woocommerce" and not headers and raw.startswith(b"webhook_id="), "passed without a signature"

    return target


def body(kind: str) -> Callable[[bytes], None]:
    """What a store signed is understood or refused, and what is understood makes valid events."""
    made = adapter(kind, "shop", OPTIONS.get(kind, {}))

    def target(data: bytes) -> None:
        try:
            made.delivery({}, data)
            readings = made.read({}, data)
            for reading in readings:
                if isinstance(reading, Snapshot):
                    for event_type, content in difference("shop", reading, Emitted(), NOW).events:
                        validate(event_type, content)
        except (BodyError, ContractError):
            return

    return target


TARGETS: dict[str, Callable[[bytes], None]] = {
    "decode": decode,
    "schema": schema,
    **{f"signature-{kind}": signature(kind) for kind in SIGNED},
    **{f"body-{kind}": body(kind) for kind in SIGNED},
}


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with: what is right, so that the way to it need not be found by chance."""
    root = Path(__file__).resolve().parents[2]
    if name == "decode":
        golden = {path.parent.name: path.read_bytes() for path in (root / "schemas" / "golden").glob("*/*.bin")}
        return [bytes([TYPES.index(kind)]) + wire.frame(1, value) for kind, value in golden.items()]
    if name == "schema":
        golden_body = (root / "schemas" / "golden" / topics.ORDER_PAID_TYPE / "1.bin").read_bytes()
        return [avsc.schema_text(kind).encode() + b"\0" + golden_body for kind in TYPES]
    if name.startswith("signature-"):
        return [b"t=1777593600,v1=00\n{}", b"AAAA\nBBBB\nv1,CCCC\n{}", b"e30..e30\n{}", b"webhook_id=1"]
    return [json.dumps(example).encode() for example in EXAMPLES]


#: Bodies in the shape of each store, small.
EXAMPLES: tuple[dict[str, Any], ...] = (
    {"id": 1, "number": "1", "status": "processing", "date_paid_gmt": "2026-05-01T00:00:00", "total": "9.00",
     "billing": {"email": "learner@example.com"}, "refunds": [{"id": 2, "total": "-9.00"}],
     "line_items": [{"id": 3, "quantity": 1, "sku": "S", "meta_data": [{"key": "_course_id", "value": "c"}]}]},
    {"id": 9007199254740993, "email": "learner@example.com", "financial_status": "paid", "test": False,
     "processed_at": "2026-05-01T00:00:00Z",
     "line_items": [{"id": 4, "quantity": 1, "sku": "S", "current_quantity": 1}],
     "refunds": [{"id": 5, "created_at": "2026-05-02T00:00:00Z",
                  "refund_line_items": [{"line_item_id": 4, "quantity": 1}],
                  "transactions": [{"kind": "refund", "status": "success", "amount": "9.00"}]}]},
    {"order": {"id": "T3JkZXI6MQ==", "number": "1", "created": "2026-05-01T00:00:00+00:00", "status": "UNFULFILLED",
               "chargeStatus": "FULL", "userEmail": "learner@example.com", "total": {"gross": {"amount": 9.0}},
               "totalCharged": {"amount": 9.0}, "lines": [{"id": "TDox", "quantity": 1, "productSku": "S",
                                                           "totalPrice": {"gross": {"amount": 9.0}}}],
               "transactions": [{"events": [{"id": "1", "type": "CHARGE_SUCCESS", "amount": {"amount": 9.0},
                                             "createdAt": "2026-05-01T00:00:00+00:00"}]}]}},
    {"id": "evt_1", "type": "checkout.session.completed",
     "data": {"object": {"id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid"}}},
    {"order_id": "1", "paid_at": "2026-05-01T00:00:00Z", "learner": {"email": "learner@example.com"},
     "lines": [{"line_id": "1", "quantity": 1, "course_key": "c", "mode": "verified"}]},
)  # fmt: skip
