"""The learner's own pages."""
from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBadRequest
from opaque_keys.edx.keys import CourseKey

from common.djangoapps.student.models import CourseEnrollment, UnenrollmentNotAllowed
from common.djangoapps.student.signals import REFUND_ORDER
from common.djangoapps.util.db import outer_atomic


def change_enrollment(request: Any, check_access: bool = True) -> HttpResponse:
    with outer_atomic():
        key, action = CourseKey.from_string(request.POST["course_id"]), request.POST["enrollment_action"]
        if action == "enroll":
            CourseEnrollment.enroll(request.user, key, check_access=check_access)
            return HttpResponse()
        enrollment = CourseEnrollment.get_enrollment(request.user, key)
        if not enrollment:
            return HttpResponseBadRequest("You are not enrolled in this course")
        try:
            CourseEnrollment.unenroll(request.user, key)
        except UnenrollmentNotAllowed as exc:
            return HttpResponseBadRequest(str(exc))
        REFUND_ORDER.send(sender=None, course_enrollment=enrollment)
        return HttpResponse()
