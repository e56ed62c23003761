"""Why a purchase may not be granted although learner and course are known (R12–R16, R38).

Each check looks at the line, at external facts and at the base – never at what other grants made of the enrollment –,
so that the verdict on a line does not depend on which of two orders arrives first.
"""
from __future__ import annotations

from datetime import datetime

from .decision import Case
from .state import Access, Course, Grant

#: Reasons that wait for a person instead of failing.
HELD = frozenset({"course_full", "internal_error"})


def refusal(case: Case, course: Course, access: Access, grant: Grant) -> tuple[str, bool]:
    """The first reason that stands against granting the line, and whether it is held for a person.

    Returns:
        ``("", False)`` if nothing does.
    """
    if access.pair in case.book.embargoed:
        return "learner_embargoed", False
    if access.base is None and not _window_is_open(case, course, grant):
        return "enrollment_closed", False
    mode = grant.mode
    expiry = course.modes.get(mode)
    if expiry is not None and case.now > expiry and not _paid_by(grant, expiry, case):
        return "mode_expired", False
    if course.is_full and access.base is None and not _was_seated(access):
        return "course_full", True
    if mode not in course.modes:
        return "mode_not_found", False
    worth = case.policy.worth
    if mode not in worth or (access.base is not None and access.base not in worth):
        return "mode_not_found", True
    return "", False


def _window_is_open(case: Case, course: Course, grant: Grant) -> bool:
    start, end = course.enrollment_start, course.enrollment_end
    if start is None and end is None and not course.invitation_only:
        return True
    source = case.policy.sources.get(grant.order_key.partition(":")[0])
    if source is None or source.force_enrollment:
        return True
    if course.invitation_only:
        return False
    # Money was taken while the window was open, or it is open now.
    return any((start is None or start <= time) and (end is None or time <= end)
               for time in (grant.paid_at or case.now, case.now))


def _paid_by(grant: Grant, expiry: datetime, case: Case) -> bool:
    return grant.paid_at is not None and grant.paid_at <= expiry + case.policy.mode_grace


def _was_seated(access: Access) -> bool:
    """Whether an order gave the learner a seat already; asking for a live one would make two orders race."""
    return any(grant.found and grant.state not in ("overridden", "released") for grant in access.grants)
