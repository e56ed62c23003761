"""Webinars: courses that one may enter until they begin, and that are paid for once they began.

COMMERCE_FULFILLMENT = {..., "MODULES": {"x_webinar": "webinar.Webinar"}}
"""
from __future__ import annotations

from typing import Any

from consumers.fulfillment.modules import (
    Case,
    Grant,
    LineResult,
    Order,
    acknowledge,
    refuse,
    revoke_ungranted,
    seat,
)


class Webinar:
    """The end of a course's enrollment is when its webinar begins."""

    def fulfil(self, case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
        """A seat, unless it was paid too late; a webinar that is over is of no use to anybody."""
        if grant.paid_at is not None and _has_begun(case, grant, grant.paid_at):
            return refuse(grant, "failed", "x_webinar_over")
        return seat.fulfil(case, order, grant, who)

    def revoke(self, case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
        """Money may go back at any time; who could attend keeps the recording."""
        if not grant.found:  # it waited, was held, or failed: there is nothing to take back
            return revoke_ungranted(case, order, grant, refund_id, self.fulfil)
        if grant.is_reversed and grant.state == "active" and _has_begun(case, grant, case.now):
            grant.state = "kept"
            grant.dirty = True
            return acknowledge(grant, refund_id, "retained", "x_webinar_attended", grant.mode, grant.mode)
        return seat.revoke(case, order, grant, refund_id)


def _has_begun(case: Case, grant: Grant, time: Any) -> bool:
    course = case.book.courses.get(grant.course_key)
    return course is not None and course.enrollment_end is not None and time > course.enrollment_end
