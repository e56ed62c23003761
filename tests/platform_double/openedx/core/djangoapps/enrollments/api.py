"""Enrolling by user name and text. Behind it stands a data layer that a setting replaces."""
from __future__ import annotations

import importlib
from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from django.conf import settings
from opaque_keys.edx.keys import CourseKey

from openedx.core.djangoapps.enrollments import errors


def get_enrollment(username: str, course_id: str) -> dict[str, Any] | None:
    return _data_api().get_course_enrollment(username, course_id)


def add_enrollment(
    username: str, course_id: str, mode: str | None = None, is_active: bool = True,
    enrollment_attributes: Any = None, enterprise_uuid: str | None = None, force_enrollment: bool = False,
    include_expired: bool = False,
) -> dict[str, Any]:  # fmt: skip
    if mode is None:
        mode = _default_course_mode(course_id)
    validate_course_mode(course_id, mode, is_active=is_active, include_expired=include_expired)
    enrollment = _data_api().create_course_enrollment(
        username, course_id, mode, is_active, enterprise_uuid, force_enrollment=force_enrollment
    )
    if enrollment_attributes is not None:
        set_enrollment_attributes(username, course_id, enrollment_attributes)
    return enrollment


def update_enrollment(
    username: str, course_id: str, mode: str | None = None, is_active: bool | None = None,
    enrollment_attributes: Any = None, include_expired: bool = False,
) -> dict[str, Any]:  # fmt: skip
    if mode is not None:
        validate_course_mode(course_id, mode, is_active=is_active, include_expired=include_expired)
    enrollment = _data_api().update_course_enrollment(username, course_id, mode=mode, is_active=is_active)
    if enrollment is None:
        raise errors.EnrollmentNotFoundError(f"Course Enrollment not found in course {course_id}")
    if enrollment_attributes is not None:
        set_enrollment_attributes(username, course_id, enrollment_attributes)
    return enrollment


def set_enrollment_attributes(username: str, course_id: str, attributes: list[dict[str, str]]) -> None:
    _data_api().add_or_update_enrollment_attr(username, course_id, attributes)


def get_enrollment_attributes(username: str, course_id: str) -> list[dict[str, str]]:
    return _data_api().get_enrollment_attributes(username, course_id)


def unenroll_user_from_all_courses(username: str) -> Any:
    return _data_api().unenroll_user_from_all_courses(username)


def validate_course_mode(
    course_id: str, mode: str, is_active: bool | None = None, include_expired: bool = False
) -> None:
    if not include_expired:
        include_expired = not is_active if is_active is not None else False
    info = _data_api().get_course_enrollment_info(course_id, include_expired=include_expired)
    if mode not in [offer["slug"] for offer in info["course_modes"]]:
        raise errors.CourseModeNotFoundError(f"Specified course mode '{mode}' unavailable for {course_id}", info)


def _default_course_mode(course_id: str) -> str:
    slugs = [mode.slug for mode in CourseMode.modes_for_course(CourseKey.from_string(course_id))]
    free = [slug for slug in (CourseMode.DEFAULT_MODE_SLUG, "audit", "honor") if slug in slugs]
    return free[0] if free else CourseMode.DEFAULT_MODE_SLUG


def _data_api() -> Any:
    path = getattr(settings, "ENROLLMENT_DATA_API", "openedx.core.djangoapps.enrollments.data")
    try:
        return importlib.import_module(path)
    except (ImportError, ValueError):
        raise errors.EnrollmentApiLoadError(path) from None
