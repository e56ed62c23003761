"""Bodies of events as a decoder returns them, by hand and by hypothesis."""
from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_origin
from uuid import UUID

import attr
from hypothesis import strategies as st

from commerce_events import data, topics, validation
from commerce_events.validation import LONGEST

Body = dict[str, Any]

ORDER: Body = {
    "order": {
        "source": "shop",
        "order_id": "1042",
        "order_key": "shop:1042",
        "order_number": "SO-1042",
        "revision": 0,
        "paid_at": "2026-03-01T09:30:00.000000+00:00",
        "occurred_at": "2026-03-01T09:30:02.250000+00:00",
        "is_test": False,
        "email_opt_in": False,
        "learner": {
            "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": True,
            "store_customer_id": None,
        },
        "lines": [
            {
                "line_id": line_id, "product_kind": "course_seat", "course_key": "course-v1:edX+DemoX+2026",
                "mode": "verified", "sku": None, "quantity": 1, "credit_provider": None, "course_uuid": None,
                "beneficiary": None,
            }
            for line_id in ("1", "2")
        ],
    }
}  # fmt: skip
REFUND: Body = {
    "refund": {
        "source": "shop",
        "order_id": "1042",
        "order_key": "shop:1042",
        "order_number": "SO-1042",
        "refund_id": "r-9",
        "refund_kind": "refund",
        "is_full": False,
        "refunded_at": "2026-03-05T12:00:00.000000+00:00",
        "occurred_at": "2026-03-05T12:00:01.500000+00:00",
        "reason_code": "customer_request",
        "access_hint": "default",
        "is_test": False,
        "learner": {
            "lms_user_id": None, "username": None, "email": None, "email_verified": False, "store_customer_id": None,
        },
        "lines": [
            {
                "line_id": "1", "quantity": 1, "refunded_total": 1, "ordered_quantity": 1, "course_key": None,
                "mode": None,
            },
        ],
    }
}  # fmt: skip


def changed(body: Body, path: str, value: Any) -> Body:
    """A copy with one field changed: ``order.lines.0.quantity``."""
    made = copy.deepcopy(body)
    *steps, last = path.split(".")
    at: Any = made
    for step in steps:
        at = at[int(step) if isinstance(at, list) else step]
    at[int(last) if isinstance(at, list) else last] = value
    return made


# -------------------------------------------------------------------------------------------- every legitimate value

#: What no database keeps is no text: NUL and lone surrogates.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=3))])
#: A day inside the years that a time has in every zone.
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001 – bounds are naive


def words(name: str) -> st.SearchStrategy[str]:
    """Texts of a field, up to its longest."""
    return st.text(CHARACTERS, min_size=1, max_size=LONGEST.get(name, 32))


CODES = st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True)
CLOSED = {
    "product_kind": st.sampled_from(validation.PRODUCT_KINDS) | st.just("x_mug"),
    "refund_kind": st.sampled_from(validation.REFUND_KINDS),
    "access_hint": st.sampled_from(validation.ACCESS_HINTS),
    "action": st.sampled_from(validation.ACTIONS),
    "initiator": st.sampled_from(validation.INITIATORS),
    "reason_code": CODES,
    "source": words("source").map(lambda text: text.replace(":", "_")),
}
LEAST = {"lms_user_id": 1, "quantity": 1, "ordered_quantity": 1}
MOST = {"lms_user_id": 2**63 - 1, "revision": 2**63 - 1, "sequence": 2**63 - 1}


def values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Every legitimate value of one field."""
    if name in CLOSED:
        return CLOSED[name]
    if get_origin(kind) is list:
        least = 1 if get_args(kind)[0] is data.OrderLineData else 0
        item = objects(get_args(kind)[0])
        return st.lists(item, min_size=least, max_size=3, unique_by=lambda line: line.line_id)
    if attr.has(kind):
        return objects(kind)
    return {
        bool: st.booleans(),
        int: st.integers(LEAST.get(name, 0), MOST.get(name, 2**31 - 1)),
        str: words(name),
        datetime: TIMES,
        UUID: st.uuids(),
    }[kind]


def objects(cls: Any, **fixed: Any) -> st.SearchStrategy[Any]:
    """Objects of a data class that keep the contract, optional fields with and without a value."""
    fields = {}
    for field in attr.fields(cls):
        found = values(field.name, field.type)
        fields[field.name] = st.none() | found if field.default is None else found
    return st.builds(cls, **fields).map(lambda made: _lawful(made, fixed))


def _lawful(made: Any, fixed: dict[str, Any]) -> Any:
    """The same object with what relates its fields."""
    changes = dict(fixed)
    if hasattr(made, "order_key"):
        changes["order_key"] = f"{made.source}:{made.order_id}"
    if isinstance(made, data.RefundLineData):
        changes["refunded_total"] = max(made.refunded_total, made.quantity)
    if isinstance(made, data.OrderData):
        who = made.learner
        changes["learner"] = who if who.lms_user_id or who.username else attr.evolve(who, email="learner@example.com")
    return attr.evolve(made, **changes)


def events(event_type: str) -> st.SearchStrategy[Any]:
    """Objects of an event type."""
    row = topics.EVENT_TYPES[event_type]
    fixed = {"outcome": event_type.rsplit(".", 2)[1]} if row.argument == "fulfillment" else {}
    return objects(getattr(data, row.data_class), **fixed)
