from __future__ import annotations

from typing import Any


class CourseEnrollmentError(Exception):
    def __init__(self, msg: str, data: Any = None) -> None:
        super().__init__(msg)
        self.data = data


class UserNotFoundError(CourseEnrollmentError):
    pass


class CourseEnrollmentClosedError(CourseEnrollmentError):
    pass


class CourseEnrollmentFullError(CourseEnrollmentError):
    pass


class CourseEnrollmentExistsError(CourseEnrollmentError):
    def __init__(self, message: str, enrollment: Any) -> None:
        super().__init__(message)
        self.enrollment = enrollment


class CourseModeNotFoundError(CourseEnrollmentError):
    pass


class EnrollmentNotFoundError(CourseEnrollmentError):
    pass


class EnrollmentApiLoadError(CourseEnrollmentError):
    pass


class InvalidEnrollmentAttribute(CourseEnrollmentError):
    pass
