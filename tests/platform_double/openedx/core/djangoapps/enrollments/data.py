from __future__ import annotations

from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import (
    AlreadyEnrolledError,
    CourseEnrollment,
    CourseEnrollmentAttribute,
    CourseFullError,
    EnrollmentClosedError,
    NonExistentCourseError,
)
from django.contrib.auth.models import User
from django.db import transaction
from opaque_keys.edx.keys import CourseKey

from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.enrollments import errors
from openedx.core.lib.exceptions import CourseNotFoundError


def get_course_enrollment(username: str, course_id: str) -> dict[str, Any] | None:
    try:
        return _shown(CourseEnrollment.objects.get(
            user__username=username, course_id=CourseKey.from_string(course_id)
        ))  # fmt: skip
    except CourseEnrollment.DoesNotExist:
        return None


def create_course_enrollment(
    username: str, course_id: str, mode: str, is_active: bool, enterprise_uuid: Any = None,
    force_enrollment: bool = False,
) -> dict[str, Any]:  # fmt: skip
    key, user = CourseKey.from_string(course_id), _get_user(username)
    try:
        enrollment = CourseEnrollment.enroll(
            user, key, check_access=True, can_upgrade=force_enrollment, enterprise_uuid=enterprise_uuid
        )
        return _update_enrollment(enrollment, is_active=is_active, mode=mode)
    except NonExistentCourseError as err:
        raise CourseNotFoundError(str(err)) from err
    except EnrollmentClosedError as err:
        raise errors.CourseEnrollmentClosedError(str(err)) from err
    except CourseFullError as err:
        raise errors.CourseEnrollmentFullError(str(err)) from err
    except AlreadyEnrolledError as err:
        raise errors.CourseEnrollmentExistsError(str(err), get_course_enrollment(username, course_id)) from err


def update_course_enrollment(
    username: str, course_id: str, mode: str | None = None, is_active: bool | None = None
) -> dict[str, Any] | None:
    key, user = CourseKey.from_string(course_id), _get_user(username)
    try:
        return _update_enrollment(CourseEnrollment.objects.get(user=user, course_id=key), is_active, mode)
    except CourseEnrollment.DoesNotExist:
        return None


def add_or_update_enrollment_attr(username: str, course_id: str, attributes: list[dict[str, str]]) -> None:
    enrollment = CourseEnrollment.get_enrollment(_get_user(username), CourseKey.from_string(course_id))
    for attribute in attributes:
        for part in ("namespace", "name", "value"):
            if part not in attribute:
                raise errors.InvalidEnrollmentAttribute(f"'{part}' not in enrollment attribute")
    if enrollment is not None:
        CourseEnrollmentAttribute.add_enrollment_attr(enrollment, attributes)


def get_enrollment_attributes(username: str, course_id: str) -> list[dict[str, str]]:
    enrollment = CourseEnrollment.get_enrollment(_get_user(username), CourseKey.from_string(course_id))
    return CourseEnrollmentAttribute.get_enrollment_attributes(enrollment)


def unenroll_user_from_all_courses(username: str) -> set[str]:
    enrollments = CourseEnrollment.objects.filter(user=_get_user(username))
    with transaction.atomic():
        for enrollment in enrollments:
            _update_enrollment(enrollment, is_active=False)
    return {enrollment.course_id.org for enrollment in enrollments}


def get_course_enrollment_info(course_id: str, include_expired: bool = False) -> dict[str, Any]:
    key = CourseKey.from_string(course_id)
    try:
        course = CourseOverview.get_from_id(key)
    except CourseOverview.DoesNotExist:
        raise CourseNotFoundError(f"Requested enrollment information for unknown course {course_id}") from None
    return _course(course, include_expired)


def _get_user(username: str) -> Any:
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise errors.UserNotFoundError("No such user found.") from None


def _update_enrollment(enrollment: CourseEnrollment, is_active: Any = None, mode: Any = None) -> dict[str, Any]:
    enrollment.update_enrollment(is_active=is_active, mode=mode)
    enrollment.save()
    return _shown(enrollment)


def _shown(enrollment: CourseEnrollment) -> dict[str, Any]:
    return {
        "created": enrollment.created, "mode": enrollment.mode, "is_active": enrollment.is_active,
        "course_details": _course(enrollment.course), "user": enrollment.username,
    }  # fmt: skip


def _course(course: CourseOverview, include_expired: bool = False) -> dict[str, Any]:
    modes = CourseMode.modes_for_course(course.id, include_expired=include_expired, only_selectable=False)
    return {"course_id": str(course.id), "course_modes": [mode._asdict() for mode in modes]}
