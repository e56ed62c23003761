"""Enrollments as the database has them, and the lock on them."""
from __future__ import annotations

from collections.abc import Sequence

from consumers.fulfillment.platform import lms
from consumers.fulfillment.platform.courses import key_of
from consumers.fulfillment.rules.state import Pair, Seat


def find(pairs: Sequence[Pair], *, lock: bool) -> dict[Pair, Seat]:
    """The enrollments of these pairs, inactive ones included, in one statement.

    The platform itself never locks them; a lock still keeps others from writing between our look and our write.
    """
    keys = {text: key for text in {pair.course_key for pair in pairs} if (key := key_of(text)) is not None}
    if not keys:
        return {}
    rows = lms.CourseEnrollment.objects.filter(
        user_id__in={pair.lms_user_id for pair in pairs}, course_id__in=list(keys.values())
    ).order_by("user_id", "course_id")
    if lock:
        rows = rows.select_for_update()
    wanted = set(pairs)
    columns = ("user_id", "course_id", "mode", "is_active")
    found = ((Pair(user, str(key)), Seat(mode, active)) for user, key, mode, active in rows.values_list(*columns))
    return {pair: seat for pair, seat in found if pair in wanted}
