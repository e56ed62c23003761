from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment


def is_course_run_entitlement_fulfillable(
    course_run_key: Any, entitlement: Any, compare_date: datetime = timezone.now()  # noqa: B008 – as there
) -> Any:
    try:
        course = CourseOverview.get_from_id(course_run_key)
    except CourseOverview.DoesNotExist:
        return False
    start, end = course.enrollment_start, course.enrollment_end
    can_enroll = (not start or start < compare_date) and (not end or end > compare_date)
    can_upgrade = entitlement.mode in [mode.slug for mode in CourseMode.paid_modes_for_course(course_run_key)]
    is_enrolled = CourseEnrollment.is_enrolled(entitlement.user, course_run_key)
    return course.start and can_upgrade and (is_enrolled or can_enroll)
