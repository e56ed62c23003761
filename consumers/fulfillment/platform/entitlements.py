"""Entitlements: a learner's right to one run of a course (R41). The platform has a model for them, and no service.

An entitlement is found again by its order number, which is the order line it came from. It is created with
``refund_locked``: otherwise a learner who leaves the run would make the platform ask an old store for a refund, break,
and stay enrolled.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from consumers.fulfillment.gateway import Entitlement, EntitlementChange, EntitlementKey
from consumers.fulfillment.platform import lms
from consumers.fulfillment.platform.courses import key_of
from consumers.fulfillment.platform.refusals import content_store

_LONGEST = 128  # characters of an order number
_PROFESSIONAL = ("professional", "no-id-professional")


def order_number(key: EntitlementKey) -> str:
    """What the platform knows an order line by; one that is too long is written as its digest."""
    text = f"{key.order_key}:{key.line_id}"
    return text if len(text) <= _LONGEST else sha256(text.encode()).hexdigest()


def find(keys: Collection[EntitlementKey]) -> dict[EntitlementKey, Entitlement]:
    """What is there; of what is not, the runs that it would upgrade. The catalog is asked for the latter alone."""
    rows = {key: row for row in _rows(keys).select_related("enrollment_course_run") for key in keys if _is(row, key)}
    return {key: _known(rows[key]) if key in rows else Entitlement(runs=_upgradeable(key)) for key in keys}


def _known(row: Any) -> Entitlement:
    enrollment = row.enrollment_course_run
    run = str(enrollment.course_id) if enrollment is not None else ""
    return Entitlement(exists=True, is_expired=row.expired_at is not None, run=run)


def _upgradeable(key: EntitlementKey) -> tuple[str, ...]:
    """Runs of the course in which the learner is enrolled and which still sell the mode, as the platform finds them."""
    with content_store():
        runs = [run["key"] for run in lms.get_course_runs_for_course(key.course_uuid)]
    enrolled = lms.CourseEnrollment.objects.filter(
        user_id=key.lms_user_id, is_active=True, course_id__in=[run for text in runs if (run := key_of(text))]
    ).order_by("course_id")
    course_keys = list(enrolled.values_list("course_id", flat=True))
    if not course_keys:
        return ()
    unsaved = lms.CourseEntitlement(user=get_user_model().objects.get(pk=key.lms_user_id), mode=key.mode)
    now = datetime.now(UTC)  # said, because the platform's default is the time at which the LMS started
    fit = lms.is_course_run_entitlement_fulfillable
    return tuple(str(run) for run in course_keys if fit(run, unsaved, compare_date=now))


def apply(changes: Sequence[EntitlementChange]) -> dict[EntitlementKey, str]:
    """Create and expire; nothing of it can be refused."""
    locked = list(_rows([change.key for change in changes]).select_for_update())
    for change in changes:
        row = next((row for row in locked if _is(row, change.key)), None)
        if change.is_active and row is None:
            _create(change.key, change.run)
        elif not change.is_active and row is not None and row.expired_at is None:
            row.expire_entitlement()
    return {}


def _create(key: EntitlementKey, run: str) -> None:
    enrollments = lms.CourseEnrollment.objects
    spent_on = enrollments.get(user_id=key.lms_user_id, course_id=key_of(run)) if run else None
    lms.CourseEntitlement.objects.create(
        user_id=key.lms_user_id, course_uuid=UUID(key.course_uuid), mode=key.mode, order_number=order_number(key),
        enrollment_course_run=spent_on, refund_locked=True, _policy=_policy(key.mode),
    )  # fmt: skip


def _policy(mode: str) -> Any:
    """The site's rules for expiry, chosen as the platform's own page does: by site before by mode."""
    at_site = Q(site_id=getattr(settings, "SITE_ID", None)) | Q(site__isnull=True)
    of_mode = Q(mode=_PROFESSIONAL[0] if mode in _PROFESSIONAL else mode) | Q(mode__isnull=True)
    return lms.CourseEntitlementPolicy.objects.filter(at_site & of_mode).order_by("-site", "-mode").first()


def _rows(keys: Iterable[EntitlementKey]) -> QuerySet[Any]:
    numbers = [order_number(key) for key in keys]
    return lms.CourseEntitlement.objects.filter(order_number__in=numbers).order_by("id")  # type: ignore[no-any-return]


def _is(row: Any, key: EntitlementKey) -> bool:
    """Compared here: the database may compare without case."""
    there = (row.user_id, str(row.course_uuid), row.order_number)
    return there == (key.lms_user_id, key.course_uuid, order_number(key))
