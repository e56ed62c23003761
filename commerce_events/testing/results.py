"""Results as an LMS publishes them: valid by default; say only what matters.

>>> body = fulfillment_failed("1001", reason_code="course_not_found")
>>> body["fulfillment"]["outcome"], body["fulfillment"]["is_final"]
('failed', True)

Each is newer than the one before it, unless ``sequence`` says otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from commerce_events import identity
from commerce_events.data import FulfillmentData, RefundRequestData
from commerce_events.testing.builders import fields
from commerce_events.topics import order_key
from commerce_events.wire import moment

INSTALLATION = "test-lms"
_COURSE = "course-v1:edX+DemoX+2026"
_EPOCH = 1
_numbers = count(1)


def fulfillment_completed(order_id: str = "1001", line_id: str | None = "1", **more: Any) -> dict[str, Any]:
    """The learner has what the line paid for."""
    return _result("completed", order_id, line_id, **{"mode_after": "verified", "is_active_after": True, **more})


def fulfillment_deferred(order_id: str = "1001", line_id: str | None = "1", **more: Any) -> dict[str, Any]:
    """The line waits in the LMS: for an account, unless ``reason_code`` says what for."""
    return _result("deferred", order_id, line_id, **{"reason_code": "learner_not_found", "is_final": False, **more})


def fulfillment_failed(order_id: str = "1001", line_id: str | None = "1", **more: Any) -> dict[str, Any]:
    """The line will not be fulfilled."""
    return _result("failed", order_id, line_id, **{"reason_code": "course_not_found", **more})


def fulfillment_skipped(order_id: str = "1001", line_id: str | None = "1", **more: Any) -> dict[str, Any]:
    """There was nothing to do."""
    return _result("skipped", order_id, line_id, **{"reason_code": "nothing_to_fulfill", **more})


def fulfillment_revoked(
    order_id: str = "1001", line_id: str | None = "1", refund_id: str = "r1", **more: Any
) -> dict[str, Any]:
    """A refund took the access away."""
    return _result("revoked", order_id, line_id, **{"refund_id": refund_id, "mode_before": "verified", **more})


def fulfillment_retained(
    order_id: str = "1001", line_id: str | None = "1", refund_id: str = "r1", **more: Any
) -> dict[str, Any]:
    """A refund left the access."""
    said = {"refund_id": refund_id, "reason_code": "access_kept", "is_active_after": True}
    return _result("retained", order_id, line_id, **{**said, **more})


def refund_requested(order_id: str = "1001", line_id: str = "1", **more: Any) -> dict[str, Any]:
    """A learner has left a course."""
    key, n = _key(order_id, more), next(_numbers)
    return {"refund_request": fields(RefundRequestData, {
        "request_id": identity.result_id(INSTALLATION, _EPOCH, key, line_id, "request", "", n),
        **_head(order_id, more), "line_id": line_id, "lms_user_id": 7, "course_key": _COURSE, "mode": "verified",
        "requested_at": moment(datetime.now(UTC)), "is_within_window": True, "initiator": "learner", **more,
    })}  # fmt: skip


def _result(outcome: str, order_id: str, line_id: str | None, **more: Any) -> dict[str, Any]:
    key, n = _key(order_id, more), next(_numbers)
    refund_id = more.get("refund_id")
    action = more.get("action") or ("revoke" if refund_id else "fulfill")
    return {"fulfillment": fields(FulfillmentData, {
        "result_id": identity.result_id(INSTALLATION, _EPOCH, key, line_id, action, refund_id, n),
        "installation": INSTALLATION, **_head(order_id, more), "line_id": line_id, "refund_id": None, "action": action,
        "outcome": outcome, "reason_code": "ok", "is_final": True, "attempt": 1,
        "sequence": identity.sequence(_EPOCH, n),
        "lms_user_id": 7, "course_key": _COURSE, "mode_before": None, "mode_after": None, "is_active_after": False,
        "quantity": 1, "seats_used": 1, "decided_at": moment(datetime.now(UTC)), "next_retry_at": None, **more,
    })}  # fmt: skip


def _key(order_id: str, more: dict[str, Any]) -> str:
    return order_key(more.get("source", "shop"), order_id)


def _head(order_id: str, more: dict[str, Any]) -> dict[str, Any]:
    source = more.get("source", "shop")
    return {"source": source, "order_id": order_id, "order_key": _key(order_id, more), "order_number": order_id}
