"""Valid events by default; say only what matters.

>>> body = order_paid("1001", course_key="course-v1:edX+DemoX+2026", email="learner@example.com")
>>> body["order"]["lines"][0]["mode"]
'verified'
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attr

from commerce_events.data import LearnerData, OrderData, OrderLineData, RefundData, RefundLineData
from commerce_events.topics import order_key
from commerce_events.wire import moment

COURSE = "course-v1:edX+DemoX+2026"


def learner(
    lms_user_id: int | None = None, username: str | None = None, email: str | None = None, **more: Any
) -> dict[str, Any]:
    """A ``LearnerData`` as a dictionary."""
    known = {"lms_user_id": lms_user_id, "username": username, "email": email, "email_verified": False}
    return fields(LearnerData, {**known, "store_customer_id": None, **more})


def line(
    line_id: str = "1", course_key: str | None = COURSE, mode: str | None = "verified", **more: Any
) -> dict[str, Any]:
    """An ``OrderLineData`` as a dictionary."""
    return fields(OrderLineData, {
        "line_id": line_id, "product_kind": "course_seat", "course_key": course_key, "mode": mode, "sku": None,
        "quantity": 1, "credit_provider": None, "course_uuid": None, "beneficiary": None, **more,
    })  # fmt: skip


def order_paid(
    order_id: str = "1001",
    *,
    source: str = "shop",
    lms_user_id: int | None = None,
    username: str | None = None,
    email: str | None = None,
    course_key: str | None = COURSE,
    mode: str | None = "verified",
    lines: Sequence[dict[str, Any]] | None = None,
    at: datetime | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The body of ``order.paid``: one seat, unless ``lines`` says more. Without an identifier: learner@example.com."""
    if lms_user_id is None and username is None and email is None:
        email = "learner@example.com"
    time = moment(at or datetime.now(UTC))
    order = {
        **_head(source, order_id), "revision": 0, "paid_at": time, "occurred_at": time, "is_test": False,
        "email_opt_in": False, "learner": learner(lms_user_id, username, email),
        "lines": list(lines) if lines is not None else [line("1", course_key, mode)],
    }  # fmt: skip
    return {"order": fields(OrderData, {**order, **more})}


def order_refunded(
    order_id: str = "1001",
    *,
    source: str = "shop",
    refund_id: str = "r1",
    is_full: bool = True,
    lines: Sequence[dict[str, Any]] | None = None,
    at: datetime | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The body of ``order.refunded``: line 1 of one seat, fully, unless ``lines`` says otherwise."""
    time = moment(at or datetime.now(UTC))
    refund = {
        **_head(source, order_id), "refund_id": refund_id, "refund_kind": "refund", "is_full": is_full,
        "refunded_at": time, "occurred_at": time, "reason_code": None, "access_hint": "default", "is_test": False,
        "learner": learner(), "lines": list(lines) if lines is not None else [refund_line("1")],
    }  # fmt: skip
    return {"refund": fields(RefundData, {**refund, **more})}


def refund_line(line_id: str = "1", quantity: int = 1, **more: Any) -> dict[str, Any]:
    """A ``RefundLineData`` as a dictionary: ``quantity`` seats, all refunds so far included."""
    return fields(RefundLineData, {
        "line_id": line_id, "quantity": quantity, "refunded_total": quantity, "ordered_quantity": quantity,
        "course_key": None, "mode": None, **more,
    })  # fmt: skip


def fields(kind: Any, said: dict[str, Any]) -> dict[str, Any]:
    """What was said, if the data class has such fields: a misspelt one would leave the default standing, unseen.

    Raises:
        TypeError: it has not.
    """
    names = [field.name for field in attr.fields(kind)]
    unknown = sorted(said.keys() - set(names))
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}; it has {', '.join(names)}")
    return said


def _head(source: str, order_id: str) -> dict[str, Any]:
    return {"source": source, "order_id": order_id, "order_key": order_key(source, order_id), "order_number": order_id}
