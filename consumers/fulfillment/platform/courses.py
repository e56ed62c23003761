"""Courses of the platform: keys, windows, modes, fullness, and what is sold under which SKU (R12–R15, R42)."""
from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from consumers.fulfillment.platform import lms
from consumers.fulfillment.platform.refusals import content_store
from consumers.fulfillment.rules.state import Course

NOT_A_KEY = Course(exists=False, key_is_valid=False)
NOT_FOUND = Course(exists=False)


def key_of(text: str) -> Any:
    """The platform's key of a course run; None if the text is none, or not the one way to write it."""
    try:
        key = lms.CourseKey.from_string(text)
    except lms.InvalidKeyError:
        return None
    return key if str(key) == text and getattr(key, "branch", None) is None else None


def find(texts: Collection[str]) -> dict[str, Course]:
    """The courses of these keys, unknown ones included."""
    return {text: _course(key_of(text)) for text in texts}


def _course(key: Any) -> Course:
    if key is None:
        return NOT_A_KEY
    try:
        with content_store():  # read where the database has no overview yet
            overview = lms.CourseOverview.get_from_id(key)
    except lms.CourseOverview.DoesNotExist:
        return NOT_FOUND
    if overview.id != key:
        return NOT_FOUND  # MySQL compares without case, and found another course
    return Course(
        modes=_modes(lms.CourseMode.modes_for_course(key, include_expired=True, only_selectable=False)),
        is_full=lms.CourseEnrollment.objects.is_course_full(overview),
        enrollment_start=overview.enrollment_start,
        enrollment_end=overview.enrollment_end,
        invitation_only=overview.invitation_only,
    )


def _modes(offers: Iterable[Any]) -> dict[str, datetime | None]:
    """Mode → when it expires. A mode offered in several currencies is there until the last of them expires."""
    modes: dict[str, datetime | None] = {}
    for offer in offers:
        expiry, known = offer.expiration_datetime, modes.get(offer.slug, offer.expiration_datetime)
        modes[offer.slug] = None if expiry is None or known is None else max(expiry, known)
    return modes


def sold_as(skus: Collection[str]) -> dict[str, tuple[str, str]]:
    """Course key and mode of each SKU that stands for exactly one of them. The platform does not keep them unique."""
    meant: dict[str, set[tuple[str, str]]] = {sku: set() for sku in skus}
    rows = lms.CourseMode.objects.filter(sku__in=list(skus)).values_list("sku", "course_id", "mode_slug")
    for sku, course_key, mode in rows:
        if sku in meant:  # not so where the database compares without case
            meant[sku].add((str(course_key), mode))
    return {sku: products.pop() for sku, products in meant.items() if len(products) == 1}
