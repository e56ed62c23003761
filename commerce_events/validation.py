"""What the contract says beyond Avro's types, as tables: one per data class, one line per field.

Avro alone lets too much pass: it writes ``quantity=1.5`` as 1 and ``is_test="false"`` as true, and knows no longest
value. So every event goes through here, before it is encoded and after it was decoded.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commerce_events import topics
from commerce_events.exceptions import ContractError
from commerce_events.predicates import Shape
from commerce_events.records import Field, ListOf, Record, optional
from commerce_events.shapes import Broken, Text, flag, kind, moment, one_of, pattern, uuid, whole

#: Longest values, in characters.
LONGEST = {
    "source": 32, "order_id": 128, "line_id": 128, "refund_id": 128, "order_number": 255, "sku": 255, "course_key": 255,
    "mode": 32, "email": 254, "username": 150, "product_kind": 64, "store_customer_id": 255, "credit_provider": 255,
    "course_uuid": 36, "reason_code": 64, "installation": 32,
}  # fmt: skip
MAX_LINES = 1000
PRODUCT_KINDS = ("course_seat", "course_entitlement", "donation", "other")
REFUND_KINDS = ("refund", "cancellation", "chargeback", "void")
ACCESS_HINTS = ("default", "keep", "downgrade", "deactivate")
ACTIONS = ("fulfill", "revoke")
INITIATORS = ("learner", "staff")

_INT, _LONG = 2**31 - 1, 2**63 - 1


def _text(name: str) -> Shape:
    return Text(LONGEST[name])


def _named(order: dict[str, Any]) -> None:
    learner = order["learner"]
    if not (learner.get("lms_user_id") or learner.get("username") or learner.get("email")):
        raise Broken("names nobody", "learner", hint="Give lms_user_id, username or email; the id is the surest.")


def _keyed(values: dict[str, Any]) -> None:
    if values["order_key"] != f"{values['source']}:{values['order_id']}":
        raise Broken("must be source:order_id", "order_key", hint="The two ids as they stand, joined by one colon.")


def _lines_once(values: dict[str, Any]) -> None:
    lines = values["lines"]
    if len(lines) > 1 and len({line["line_id"] for line in lines}) != len(lines):
        seen = set()
        for i, line in enumerate(lines):
            if line["line_id"] in seen:
                raise Broken("stands twice", "lines", f"[{i}]", "line_id", hint="One entry per line of the order.")
            seen.add(line["line_id"])


def _total_counts_this(line: dict[str, Any]) -> None:
    if line["refunded_total"] < line["quantity"]:
        raise Broken(
            "less than this refund alone", "refunded_total",
            hint="The total counts every refund of the line so far, this one included.",
        )  # fmt: skip


LEARNER = Record({
    "lms_user_id": optional(whole(1, _LONG)),
    "username": optional(_text("username")),
    "email": optional(_text("email")),
    "email_verified": flag,
    "store_customer_id": optional(_text("store_customer_id")),
})  # fmt: skip

_ORDER_HEAD: dict[str, Shape | Field] = {
    "source": Field(Text(LONGEST["source"], without=":"), hint="The slug of the store, as the LMS allows it."),
    "order_id": Field(_text("order_id"), hint="The store's immutable id, as text."),
    "order_key": Field(Text(161), hint="source:order_id"),
    "order_number": Field(_text("order_number"), hint="What people read; the order_id if there is nothing else."),
}

ORDER_LINE = Record({
    "line_id": Field(_text("line_id"), hint="The store's id of the line, as text."),
    "product_kind": one_of(*PRODUCT_KINDS, own="x_", longest=LONGEST["product_kind"]),
    "course_key": optional(_text("course_key")),
    "mode": optional(_text("mode")),
    "sku": optional(_text("sku")),
    "quantity": whole(1, _INT),
    "credit_provider": optional(_text("credit_provider")),
    "course_uuid": optional(_text("course_uuid")),
    "beneficiary": optional(LEARNER),
})  # fmt: skip

ORDER = Record({
    **_ORDER_HEAD,
    "revision": Field(whole(0, _LONG), hint="0 if the store counts no changes of an order."),
    "paid_at": moment,
    "occurred_at": moment,
    "is_test": flag,
    "email_opt_in": flag,
    "learner": LEARNER,
    "lines": ListOf(ORDER_LINE, least=1, most=MAX_LINES),
}, [_keyed, _named, _lines_once])  # fmt: skip

REFUND_LINE = Record({
    "line_id": Field(_text("line_id"), hint="As in the order."),
    "quantity": whole(0, _INT),
    "refunded_total": whole(0, _INT),
    "ordered_quantity": whole(1, _INT),
    "course_key": optional(_text("course_key")),
    "mode": optional(_text("mode")),
}, [_total_counts_this])  # fmt: skip

REFUND = Record({
    **_ORDER_HEAD,
    "refund_id": Field(_text("refund_id"), hint="The store's id of this refund, as text."),
    "refund_kind": one_of(*REFUND_KINDS),
    "is_full": flag,
    "refunded_at": moment,
    "occurred_at": moment,
    "reason_code": optional(pattern("[A-Za-z0-9_.:-]{1,64}", "a code of 1 to 64 letters, digits and _.:-"),
                            "Never free text: it would hold personal data sooner or later."),
    "access_hint": one_of(*ACCESS_HINTS),
    "is_test": flag,
    "learner": LEARNER,
    "lines": ListOf(REFUND_LINE, least=0, most=MAX_LINES),
}, [_keyed, _lines_once])  # fmt: skip

_CODE = pattern("[a-z][a-z0-9_]{0,63}", "a code of 1 to 64 small letters, digits and _")


def _result(outcome: str) -> Record:
    return Record({
        "result_id": uuid,
        "installation": _text("installation"),
        **_ORDER_HEAD,
        "line_id": optional(_text("line_id")),
        "refund_id": optional(_text("refund_id")),
        "action": one_of(*ACTIONS),
        "outcome": one_of(outcome),
        "reason_code": _CODE,
        "is_final": flag,
        "attempt": whole(0, _INT),
        "sequence": whole(0, _LONG),
        "lms_user_id": optional(whole(1, _LONG)),
        "course_key": optional(_text("course_key")),
        "mode_before": optional(_text("mode")),
        "mode_after": optional(_text("mode")),
        "is_active_after": flag,
        "quantity": whole(0, _INT),
        "seats_used": whole(0, _INT),
        "decided_at": moment,
        "next_retry_at": optional(moment),
    }, [_keyed])  # fmt: skip


REFUND_REQUEST = Record({
    "request_id": uuid,
    **_ORDER_HEAD,
    "line_id": _text("line_id"),
    "lms_user_id": whole(1, _LONG),
    "course_key": _text("course_key"),
    "mode": _text("mode"),
    "requested_at": moment,
    "is_within_window": flag,
    "initiator": one_of(*INITIATORS),
}, [_keyed])  # fmt: skip

#: The record below the only top-level argument of each event type.
RECORDS: dict[str, Record] = {
    topics.ORDER_PAID_TYPE: ORDER,
    topics.ORDER_REFUNDED_TYPE: REFUND,
    **{event_type: _result(outcome) for outcome, event_type in topics.RESULT_TYPES.items()},
    topics.REFUND_REQUESTED_TYPE: REFUND_REQUEST,
}
_RECORDS = {event_type: (topics.EVENT_TYPES[event_type].argument, record) for event_type, record in RECORDS.items()}


def validate(event_type: str, body: dict[str, Any]) -> None:
    """Check a body, ``{"order": {...}}``; of an event type that is not ours, nothing is known and nothing checked.

    Raises:
        ContractError: the first fault, with ``path``, ``message`` and ``hint``.
    """
    found = _RECORDS.get(event_type)
    if found is None:
        return
    argument, record = found
    if type(body) is not dict or len(body) != 1 or argument not in body:
        raise next(faults(event_type, body))
    try:
        record(body[argument])
    except Broken as broken:
        raise _error(broken.below(argument)) from None


def faults(event_type: str, body: Any) -> Iterator[ContractError]:
    """Every fault of a body, for people: see :func:`validate`."""
    argument, record = _RECORDS[event_type]
    if type(body) is not dict or argument not in body:
        what = "missing" if isinstance(body, dict) else f"an object is expected, not {kind(body)}"
        yield ContractError(what, path=argument, hint=f'The body is {{"{argument}": {{…}}}}.')
        return
    if len(body) > 1:
        yield ContractError("something stands beside it", path=argument, hint="An event has one top-level field.")
    for broken in record.faults(body[argument]):
        yield _error(broken.below(argument))


def _error(broken: Broken) -> ContractError:
    path = ".".join(broken.path).replace(".[", "[")
    return ContractError(broken.message, path=path, hint=broken.hint)
