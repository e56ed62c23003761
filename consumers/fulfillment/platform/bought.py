"""Enrollments that a store sold before us: the platform keeps the order as attributes of the enrollment."""
from __future__ import annotations

from typing import Any

from consumers.fulfillment.gateway import Bought
from consumers.fulfillment.platform import lms


def find(after: int, most: int) -> list[Bought]:
    """So many of them with a higher id than ``after``, in two statements."""
    rows = list(_sold().filter(pk__gt=after).order_by("pk").distinct()[:most])
    by_row: dict[int, dict[str, str]] = {row.pk: {} for row in rows}
    if rows:
        attributes = rows[0].attributes.model.objects.filter(enrollment_id__in=by_row, namespace="order")
        for row_id, name, value in attributes.order_by("pk").values_list("enrollment_id", "name", "value"):
            by_row[row_id][name] = value
    return [
        Bought(row.pk, row.user_id, str(row.course_id), row.mode, row.created, by_row[row.pk]) for row in rows
    ]


def last() -> int:
    """The highest id among them, 0 without any."""
    return _sold().order_by("-pk").values_list("pk", flat=True).first() or 0


def _sold() -> Any:
    names = ("order_number", "order_id")
    return lms.CourseEnrollment.objects.filter(
        is_active=True, attributes__namespace="order", attributes__name__in=names
    )
