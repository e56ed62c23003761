"""What the platform's exceptions mean: no for ever (a reason code), not now, or somebody must act.

They have no common ancestor, and some look like what they are not: a missing course is an ``ObjectDoesNotExist``, a
blocking filter is no enrollment error. So each is named here. What is not named is unknown and passes as it is;
so do errors of the database, which the bus knows better.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from commerce_events.exceptions import OperatorError, TransientError
from consumers.fulfillment.platform import lms

#: Exception → reason code.
_REASONS = {
    "CourseEnrollmentClosedError": "enrollment_closed",
    "CourseEnrollmentFullError": "course_full",
    "CourseFullError": "course_full",
    "CourseModeNotFoundError": "mode_not_found",
    "CourseNotFoundError": "course_not_found",
    "EnrollmentClosedError": "enrollment_closed",
    "EnrollmentNotAllowed": "blocked_by_filter",
    "InvalidKeyError": "course_key_invalid",
    "NonExistentCourseError": "course_not_found",
    "UnenrollmentNotAllowed": "blocked_by_filter",
    "UserNotFoundError": "learner_not_found",
}
#: Facts changed between our look and our write: somebody enrolled the learner, or the row is gone.
_RACES = ("AlreadyEnrolledError", "CourseEnrollmentExistsError", "EnrollmentNotFoundError")


class RefusedError(Exception):
    """The platform says no, and will say so again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ContentStoreError(TransientError):
    """The content store or the catalog does not answer; what the store is told when that goes on."""

    reason_code = "content_store_unavailable"


@contextmanager
def understood() -> Iterator[None]:
    """Around one call of the platform.

    Raises:
        RefusedError: the platform does not allow it.
        TransientError: it may go right later.
        OperatorError: the platform's own configuration is broken.
    """
    try:
        with content_store():
            yield
    except Exception as error:
        for name, reason in _REASONS.items():
            if isinstance(error, getattr(lms, name)):
                raise RefusedError(reason) from error
        if any(isinstance(error, getattr(lms, name)) for name in _RACES):
            raise TransientError(f"the enrollment was changed meanwhile: {type(error).__name__}") from error
        if isinstance(error, lms.EnrollmentApiLoadError):
            raise OperatorError(
                "the platform cannot load its enrollment data API",
                hint="Correct ENROLLMENT_DATA_API in the settings of the LMS, or take it out.",
            ) from error
        raise


@contextmanager
def content_store() -> Iterator[None]:
    """Around what may read the content store or ask a catalog.

    Raises:
        ContentStoreError: it does not answer.
    """
    try:
        yield
    except Exception as error:
        if not _is_connection(error):
            raise
        raise ContentStoreError(f"the content store does not answer: {type(error).__name__}") from error


def _is_connection(error: Exception) -> bool:
    """Whether a connection failed: of the system, of ``requests`` (an OSError), or of the MongoDB client."""
    return isinstance(error, OSError) or any(
        (base.__module__, base.__name__) == ("pymongo.errors", "ConnectionFailure") for base in type(error).__mro__
    )
