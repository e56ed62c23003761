"""Examples of each event type: one that is right, and some that are wrong in one named way each.

They are written to ``schemas/examples/`` for people of every language. A wrong one says where the error must be found:
a test holds :mod:`commerce_events.validation` to it, and a store developer can hold their own code to it.
"""
from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from commerce_events import topics

Body = dict[str, Any]
#: Stands for "this field is not there".
ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Wrong:
    """One way to be wrong: the fields to change, and the path at which validation must find it."""

    name: str
    why: str
    path: str
    change: dict[str, Any] = field(default_factory=dict)


_LINE = "order.lines[0]"
_HEAD = {"source": "shop", "order_id": "1042", "order_key": "shop:1042", "order_number": "SO-2026-1042"}
_ORDER: Body = {
    **_HEAD,
    "revision": 1,
    "paid_at": "2026-03-01T09:30:00.000000+00:00",
    "occurred_at": "2026-03-01T09:30:02.250000+00:00",
    "is_test": False,
    "email_opt_in": False,
    "learner": {"email": "learner@example.com", "email_verified": True, "store_customer_id": "c-77"},
    "lines": [
        {"line_id": "1", "product_kind": "course_seat", "course_key": "course-v1:edX+DemoX+2026", "mode": "verified",
         "quantity": 1},
        {"line_id": "2", "product_kind": "course_seat", "sku": "8CF08E5", "quantity": 1,
         "beneficiary": {"username": "friend", "email_verified": False}},
    ],
}  # fmt: skip
_REFUND: Body = {
    **_HEAD,
    "refund_id": "r-9",
    "refund_kind": "refund",
    "is_full": False,
    "refunded_at": "2026-03-05T12:00:00.000000+00:00",
    "occurred_at": "2026-03-05T12:00:01.500000+00:00",
    "reason_code": "customer_request",
    "access_hint": "default",
    "is_test": False,
    "learner": {"lms_user_id": 7, "email_verified": True},
    "lines": [{"line_id": "1", "quantity": 1, "refunded_total": 1, "ordered_quantity": 1}],
}
_RESULT: Body = {
    "result_id": "7d1c0f0e-4a5b-5c3d-8e2f-102030405060",
    "installation": "my-lms",
    **_HEAD,
    "line_id": "1",
    "action": "fulfill",
    "outcome": "completed",
    "reason_code": "ok",
    "is_final": True,
    "attempt": 1,
    "sequence": 4194305,
    "lms_user_id": 7,
    "course_key": "course-v1:edX+DemoX+2026",
    "mode_before": "audit",
    "mode_after": "verified",
    "is_active_after": True,
    "quantity": 1,
    "seats_used": 1,
    "decided_at": "2026-03-01T09:30:03.125000+00:00",
}
_REVOKE: Body = {"action": "revoke", "refund_id": "r-9", "mode_before": "verified", "mode_after": "audit"}
_UNTOUCHED: Body = {"mode_before": ABSENT, "mode_after": ABSENT, "is_active_after": False, "seats_used": 0}
_RESULTS: dict[str, Body] = {
    "completed": {},
    "deferred": {**_UNTOUCHED, "reason_code": "learner_not_found", "is_final": False, "lms_user_id": ABSENT,
                 "next_retry_at": "2026-08-28T09:30:03.125000+00:00"},
    "failed": {**_UNTOUCHED, "reason_code": "course_not_found"},
    "skipped": {**_UNTOUCHED, "reason_code": "refund_before_paid"},
    "revoked": {**_REVOKE, "reason_code": "ok"},
    "retained": {**_REVOKE, "reason_code": "other_grant", "mode_after": "verified"},
}  # fmt: skip
_REQUEST: Body = {
    "request_id": "0b8a7c6d-5e4f-5a3b-9c2d-1e0f2a3b4c5d",
    **_HEAD,
    "line_id": "1",
    "lms_user_id": 7,
    "course_key": "course-v1:edX+DemoX+2026",
    "mode": "verified",
    "requested_at": "2026-03-04T08:00:00.000000+00:00",
    "is_within_window": True,
    "initiator": "learner",
}

_WRONG_ORDER = (
    Wrong("without-learner", "nobody is named", "order.learner", {"learner": {"email_verified": False}}),
    Wrong("fraction-of-a-seat", "Avro would write 1.5 as 1", f"{_LINE}.quantity", {"lines.0.quantity": 1.5}),
    Wrong("no-seat", "a line has at least one seat", f"{_LINE}.quantity", {"lines.0.quantity": 0}),
    Wrong("quantity-as-text", "a number is no text", f"{_LINE}.quantity", {"lines.0.quantity": "1"}),
    Wrong("flag-as-text", 'Avro would write "false" as true', "order.is_test", {"is_test": "false"}),
    Wrong("time-without-zone", "nobody knows which 9:30", "order.paid_at", {"paid_at": "2026-03-01T09:30:00.000000"}),
    Wrong("time-of-another-zone", "times are in UTC", "order.paid_at", {"paid_at": "2026-03-01T10:30:00.000000+01:00"}),
    Wrong("key-of-another-order", "order_key is source:order_id", "order.order_key", {"order_key": "shop:1043"}),
    Wrong("colon-in-source", "the key would be ambiguous", "order.source",
          {"source": "sh:op", "order_key": "sh:op:1042"}),
    Wrong("no-lines", "an order has at least one line", "order.lines", {"lines": []}),
    Wrong("line-id-twice", "lines are told apart by their id", "order.lines[1].line_id", {"lines.1.line_id": "1"}),
    Wrong("product-kind-of-its-own", "own kinds start with x_", f"{_LINE}.product_kind",
          {"lines.0.product_kind": "bundle"}),
    Wrong("order-id-missing", "required", "order.order_id", {"order_id": ABSENT}),
    Wrong("order-id-too-long", "at most 128 characters", "order.order_id", {"order_id": "1" * 129}),
    Wrong("nul-in-order-id", "no database keeps it", "order.order_id", {"order_id": "10\x0042"}),
    Wrong("empty-mode", "the stock bus reads empty text as absent", f"{_LINE}.mode", {"lines.0.mode": ""}),
    Wrong("misspelled-field", "Avro would drop it in silence", f"{_LINE}.quantitiy", {"lines.0.quantitiy": 2}),
)  # fmt: skip
_WRONG_REFUND = (
    Wrong("total-below-this-refund", "totals are cumulative", "refund.lines[0].refunded_total",
          {"lines.0.refunded_total": 0}),
    Wrong("kind-unknown", "one of the list", "refund.refund_kind", {"refund_kind": "partial"}),
    Wrong("hint-unknown", "one of the list", "refund.access_hint", {"access_hint": "remove"}),
    Wrong("reason-as-free-text", "a code, never a sentence", "refund.reason_code",
          {"reason_code": "The learner asked for it."}),
    Wrong("negative-quantity", "at least 0", "refund.lines[0].quantity", {"lines.0.quantity": -1}),
    Wrong("refund-id-missing", "required", "refund.refund_id", {"refund_id": ABSENT}),
)  # fmt: skip
_WRONG_RESULT = (
    Wrong("id-in-capitals", "UUIDs are written in lower case", "fulfillment.result_id",
          {"result_id": "7D1C0F0E-4A5B-5C3D-8E2F-102030405060"}),
    Wrong("sequence-as-text", "a number is no text", "fulfillment.sequence", {"sequence": "4194305"}),
    Wrong("outcome-of-another-type", "the outcome is the type's own", "fulfillment.outcome", {"outcome": "refunded"}),
)  # fmt: skip
_WRONG_REQUEST = (
    Wrong("initiator-unknown", "one of the list", "refund_request.initiator", {"initiator": "robot"}),
    Wrong("line-missing", "required", "refund_request.line_id", {"line_id": ABSENT}),
)


def valid(event_type: str) -> Body:
    """The right example of an event type, as ``{"order": {...}}``; optional fields that are absent are left out."""
    argument = topics.EVENT_TYPES[event_type].argument
    if argument == "fulfillment":
        outcome = event_type.rsplit(".", 2)[1]
        return {argument: _changed(_RESULT, {"outcome": outcome, **_RESULTS[outcome]})}
    return {argument: copy.deepcopy({"order": _ORDER, "refund": _REFUND, "refund_request": _REQUEST}[argument])}


def invalid(event_type: str) -> Iterator[tuple[Wrong, Body]]:
    """The wrong examples of an event type."""
    argument = topics.EVENT_TYPES[event_type].argument
    ways = {
        "order": _WRONG_ORDER, "refund": _WRONG_REFUND, "fulfillment": _WRONG_RESULT, "refund_request": _WRONG_REQUEST,
    }[argument]  # fmt: skip
    for way in ways:
        yield way, {argument: _changed(valid(event_type)[argument], way.change)}


def _changed(record: Body, change: dict[str, Any]) -> Body:
    """A copy with some fields changed; ``lines.0.mode`` goes into lists and records."""
    made = copy.deepcopy(record)
    for path, value in change.items():
        *steps, last = path.split(".")
        at: Any = made
        for step in steps:
            at = at[int(step) if isinstance(at, list) else step]
        if value is ABSENT:
            at.pop(last, None)
        else:
            at[last] = value
    return made
