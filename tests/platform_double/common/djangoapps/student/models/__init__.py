"""Users and enrollments."""
from .course_enrollment import (
    AlreadyEnrolledError,
    CourseEnrollment,
    CourseEnrollmentAllowed,
    CourseEnrollmentAttribute,
    CourseEnrollmentCelebration,
    CourseEnrollmentException,
    CourseEnrollmentManager,
    CourseFullError,
    EnrollmentClosedError,
    EnrollmentNotAllowed,
    EnrollmentRefundConfiguration,
    NonExistentCourseError,
    UnenrollmentNotAllowed,
)
from .user import (
    CourseAccessRole,
    Registration,
    UserProfile,
    get_retired_email_by_email,
    get_retired_username_by_username,
    is_email_retired,
    is_username_retired,
)

__all__ = [
    "AlreadyEnrolledError", "CourseAccessRole", "CourseEnrollment", "CourseEnrollmentAllowed",
    "CourseEnrollmentAttribute", "CourseEnrollmentCelebration", "CourseEnrollmentException",
    "CourseEnrollmentManager", "CourseFullError",
    "EnrollmentClosedError", "EnrollmentNotAllowed", "EnrollmentRefundConfiguration", "NonExistentCourseError",
    "Registration", "UnenrollmentNotAllowed", "UserProfile", "get_retired_email_by_email",
    "get_retired_username_by_username", "is_email_retired", "is_username_retired",
]  # fmt: skip
