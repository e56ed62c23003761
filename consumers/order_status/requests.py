"""Learners who have left: each is a question about money that somebody of the store answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from commerce_events.bus.clock import utc_now
from commerce_events.exceptions import OperatorError
from consumers.order_status import calls, conf
from consumers.order_status.book import order_digest
from consumers.order_status.models import RefundRequest

_KEPT = ("order_key", "line_id", "lms_user_id", "course_key", "mode", "is_within_window", "initiator")


def note(data: Mapping[str, Any], options: conf.Options, now: datetime) -> None:
    """Keep a request and have the store told. It keeps its id when it is sent again: then nothing is done."""
    if RefundRequest.objects.filter(request_id=data["request_id"]).exists():
        return
    RefundRequest.objects.create(
        request_id=data["request_id"], order_digest=order_digest(data["order_key"]),
        requested_at=datetime.fromisoformat(data["requested_at"]), **{name: data[name] for name in _KEPT},
    )  # fmt: skip
    calls.tell_request(data, options, now)


def settle(request_id: str, resolution: str) -> RefundRequest:
    """Somebody has decided. A refund is published as any other: this only closes the question.

    Raises:
        OperatorError: there is no such request.
    """
    open_ = RefundRequest.objects.filter(request_id=request_id, state=RefundRequest.State.OPEN)
    open_.update(state=RefundRequest.State.SETTLED, settled_at=utc_now(), resolution=resolution[:255])
    found = RefundRequest.objects.filter(request_id=request_id).first()
    if found is None:
        raise OperatorError(
            f"there is no refund request {request_id}", hint="manage.py commerce_order_status requests lists them."
        )
    return found
