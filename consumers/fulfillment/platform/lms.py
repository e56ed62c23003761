"""The platform's own names: which ones, and where they live. The only place that imports the LMS.

``from consumers.fulfillment.platform import lms``, then ``lms.CourseEnrollment.enroll(…)``: a name is imported when it
is first asked for, because our app is imported before the LMS has settings, and because everything else here must be
importable without an LMS. The table below is all that we rely on; a test compares it with a checkout of the platform.
"""
from __future__ import annotations

from importlib import import_module
from typing import Any

_ENROLLMENTS = "openedx.core.djangoapps.enrollments"
_STUDENT = "common.djangoapps.student"

#: Name → the modules it may live in, newest release first.
HOMES: dict[str, tuple[str, ...]] = {
    "CourseKey": ("opaque_keys.edx.keys",),
    "InvalidKeyError": ("opaque_keys",),
    "RequestCache": ("edx_django_utils.cache",),
    # enrolling
    "CourseEnrollment": (f"{_STUDENT}.models",),
    "EnrollmentRefundConfiguration": (f"{_STUDENT}.models",),
    "get_enrollment_attributes": (f"{_ENROLLMENTS}.api",),
    "set_enrollment_attributes": (f"{_ENROLLMENTS}.api",),
    "update_enrollment": (f"{_ENROLLMENTS}.api",),
    "validate_course_mode": (f"{_ENROLLMENTS}.api",),
    # courses
    "CourseMode": ("common.djangoapps.course_modes.models",),
    "CourseOverview": ("openedx.core.djangoapps.content.course_overviews.models",),
    # what stands against it
    "CertificateStatuses": ("lms.djangoapps.certificates.data",),
    "check_course_access": ("openedx.core.djangoapps.embargo.api",),
    "get_certificate_for_user_id": ("lms.djangoapps.certificates.api",),
    # accounts
    "UserRetirementStatus": ("openedx.core.djangoapps.user_api.models",),
    "get_all_retired_emails": ("openedx.core.lib.user_util", "user_util.user_util"),
    "get_all_retired_usernames": ("openedx.core.lib.user_util", "user_util.user_util"),
    # entitlements
    "CourseEntitlement": ("common.djangoapps.entitlements.models",),
    "CourseEntitlementPolicy": ("common.djangoapps.entitlements.models",),
    "get_course_runs_for_course": ("openedx.core.djangoapps.catalog.utils",),
    "is_course_run_entitlement_fulfillable": ("common.djangoapps.entitlements.utils",),
    # refusals
    "AlreadyEnrolledError": (f"{_STUDENT}.models",),
    "CourseEnrollmentClosedError": (f"{_ENROLLMENTS}.errors",),
    "CourseEnrollmentExistsError": (f"{_ENROLLMENTS}.errors",),
    "CourseEnrollmentFullError": (f"{_ENROLLMENTS}.errors",),
    "CourseFullError": (f"{_STUDENT}.models",),
    "CourseModeNotFoundError": (f"{_ENROLLMENTS}.errors",),
    "CourseNotFoundError": ("openedx.core.lib.exceptions",),
    "EnrollmentApiLoadError": (f"{_ENROLLMENTS}.errors",),
    "EnrollmentClosedError": (f"{_STUDENT}.models",),
    "EnrollmentNotAllowed": (f"{_STUDENT}.models",),
    "EnrollmentNotFoundError": (f"{_ENROLLMENTS}.errors",),
    "NonExistentCourseError": (f"{_STUDENT}.models",),
    "UnenrollmentNotAllowed": (f"{_STUDENT}.models",),
    "UserNotFoundError": (f"{_ENROLLMENTS}.errors",),
    # the store of the past
    "is_commerce_service_configured": ("openedx.core.djangoapps.commerce.utils",),
    # what the LMS tells about its learners
    "REFUND_ORDER": (f"{_STUDENT}.signals",),
    "STUDENT_REGISTRATION_COMPLETED": ("openedx_events.learning.signals",),
    "UNENROLL_DONE": (f"{_STUDENT}.signals",),
    "USER_ACCOUNT_ACTIVATED": ("openedx.core.djangoapps.signals.signals",),
    "USER_RETIRE_LMS_CRITICAL": ("openedx.core.djangoapps.user_api.accounts.signals",),
    "USER_RETIRE_LMS_MISC": ("openedx.core.djangoapps.user_api.accounts.signals",),
    "USER_RETIRE_MAILINGS": ("openedx.core.djangoapps.user_api.accounts.signals",),
}


def __getattr__(name: str) -> Any:
    """Import a name of the table.

    Raises:
        ImportError: there is no platform here, or one that we do not know.
    """
    if name not in HOMES:
        raise AttributeError(f"{name!r} is no name of the platform that is listed in {__name__}.HOMES")
    *others, oldest = HOMES[name]
    for home in others:
        try:
            module = import_module(home)
        except ModuleNotFoundError as error:
            if not home.startswith(error.name or " "):
                raise  # it is there, and lacks something else
            continue  # an older release
        break
    else:
        module = import_module(oldest)
    return getattr(module, name)
