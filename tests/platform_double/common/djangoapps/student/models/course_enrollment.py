"""Enrollments, with everything that surprises a caller: memory, order of checks, and words sent before the commit."""
from __future__ import annotations

import logging
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from typing import Any

import outside
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models
from django.dispatch import receiver
from django.utils.timezone import now
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.enrollments.api import _default_course_mode
from openedx_events.learning.data import CourseData, CourseEnrollmentData, UserData, UserPersonalData
from openedx_events.learning.signals import (
    COURSE_ENROLLMENT_CHANGED,
    COURSE_ENROLLMENT_CREATED,
    COURSE_UNENROLLMENT_COMPLETED,
)
from openedx_filters.learning.filters import CourseEnrollmentStarted, CourseUnenrollmentStarted

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.signals import ENROLL_STATUS_CHANGE, ENROLLMENT_TRACK_UPDATED, UNENROLL_DONE

log = logging.getLogger(__name__)
CourseEnrollmentState = namedtuple("CourseEnrollmentState", "mode, is_active")


class CourseEnrollmentException(Exception):
    pass


class NonExistentCourseError(CourseEnrollmentException):
    pass


class EnrollmentClosedError(CourseEnrollmentException):
    pass


class CourseFullError(CourseEnrollmentException):
    pass


class AlreadyEnrolledError(CourseEnrollmentException):
    pass


class EnrollmentNotAllowed(CourseEnrollmentException):
    pass


class UnenrollmentNotAllowed(CourseEnrollmentException):
    pass


class CourseEnrollmentManager(models.Manager):
    def num_enrolled_in_exclude_admins(self, course_id: Any) -> int:
        from .user import CourseAccessRole

        staff = CourseAccessRole.objects.filter(course_id=course_id, role__in=("staff", "instructor", "ccx_coach"))
        return self.filter(course_id=course_id, is_active=True).exclude(user__in=staff.values("user")).count()

    def is_course_full(self, course: CourseOverview) -> bool:
        most = course.max_student_enrollments_allowed
        return most is not None and self.num_enrolled_in_exclude_admins(course.id) >= most


class CourseEnrollment(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course = models.ForeignKey(CourseOverview, db_constraint=False, on_delete=models.DO_NOTHING)
    created = models.DateTimeField(auto_now_add=True, null=True, db_index=True)
    is_active = models.BooleanField(default=True)
    mode = models.CharField(default=CourseMode.get_default_mode_slug, max_length=100)

    objects = CourseEnrollmentManager()
    MODE_CACHE_NAMESPACE = "CourseEnrollment.mode_and_active"

    class Meta:
        unique_together = (("user", "course"),)
        ordering = ("user", "course")

    @property
    def username(self) -> str:
        return self.user.username

    @classmethod
    def get_or_create_enrollment(cls, user: Any, course_key: Any) -> CourseEnrollment:
        assert isinstance(course_key, CourseKey)
        enrollment, _ = cls.objects.get_or_create(
            user=user, course_id=course_key, defaults={"mode": CourseMode.DEFAULT_MODE_SLUG, "is_active": False}
        )
        CourseEnrollmentAllowed.objects.filter(email=user.email, course_id=course_key, user=None).update(user=user)
        return enrollment

    @classmethod
    def get_enrollment(cls, user: Any, course_key: Any, select_related: Any = None) -> CourseEnrollment | None:
        memory, key = RequestCache("get_enrollment"), (user.id, course_key)
        known = memory.get_cached_response(key)
        if known.is_found:
            return known.value
        try:
            enrollment = cls.objects.get(user=user, course_id=course_key)
        except cls.DoesNotExist:
            return None
        memory.set(key, enrollment)
        return enrollment

    @classmethod
    def is_enrolled(cls, user: Any, course_key: Any) -> bool:
        memory, key = RequestCache(cls.MODE_CACHE_NAMESPACE).data, (user.id, course_key)
        if key not in memory:
            row = cls.objects.filter(user=user, course_id=course_key).first()
            memory[key] = CourseEnrollmentState(row.mode, row.is_active) if row else CourseEnrollmentState(None, None)
        return memory[key].is_active or False

    @classmethod
    def is_enrollment_closed(cls, user: Any, course: CourseOverview) -> bool:
        from .user import CourseAccessRole

        time = now()
        closed = (
            course.invitation_only
            or (course.enrollment_start is not None and time < course.enrollment_start)
            or (course.enrollment_end is not None and time > course.enrollment_end)
        )
        return bool(closed) and not (
            CourseEnrollmentAllowed.objects.filter(email=user.email, course_id=course.id).exists()
            or CourseAccessRole.objects.filter(user=user, course_id=course.id).exists()
        )

    @classmethod
    def enroll(
        cls, user: Any, course_key: Any, mode: str | None = None, check_access: bool = False,
        can_upgrade: bool = False, enterprise_uuid: str | None = None,
    ) -> CourseEnrollment:  # fmt: skip
        try:
            user, course_key, mode = CourseEnrollmentStarted.run_filter(user=user, course_key=course_key, mode=mode)
        except CourseEnrollmentStarted.PreventEnrollment as exc:
            raise EnrollmentNotAllowed(str(exc)) from exc
        if mode is None:
            mode = _default_course_mode(str(course_key))
        try:
            course = CourseOverview.get_from_id(course_key)
        except CourseOverview.DoesNotExist as err:
            course = None
            if check_access:
                raise NonExistentCourseError from err
        if check_access:
            if cls.is_enrollment_closed(user, course) and not can_upgrade:
                raise EnrollmentClosedError
            if cls.objects.is_course_full(course):
                raise CourseFullError
        if cls.is_enrolled(user, course_key) and check_access:
            raise AlreadyEnrolledError
        enrollment = cls.get_or_create_enrollment(user, course_key)
        enrollment.update_enrollment(is_active=True, mode=mode, enterprise_uuid=enterprise_uuid)
        enrollment.send_signal("enroll")
        COURSE_ENROLLMENT_CREATED.send_event(enrollment=enrollment._as_event())
        return enrollment

    @classmethod
    def unenroll(cls, user: Any, course_id: Any, skip_refund: bool = False) -> None:
        RequestCache("get_enrollment").clear()
        try:
            record = cls.objects.get(user=user, course_id=course_id)
            try:
                record = CourseUnenrollmentStarted.run_filter(enrollment=record)
            except CourseUnenrollmentStarted.PreventUnenrollment as exc:
                raise UnenrollmentNotAllowed(str(exc)) from exc
            record.update_enrollment(is_active=False, skip_refund=skip_refund)
        except cls.DoesNotExist:
            log.error("Tried to unenroll student %s from %s but they were not enrolled", user.id, course_id)

    def update_enrollment(
        self, mode: str | None = None, is_active: bool | None = None, skip_refund: bool = False,
        enterprise_uuid: str | None = None,
    ) -> None:  # fmt: skip
        RequestCache("get_enrollment").clear()
        activation_changed = is_active is not None and self.is_active != is_active
        mode_changed = mode is not None and self.mode != mode
        self.is_active = is_active if activation_changed else self.is_active
        self.mode = mode if mode_changed else self.mode
        if activation_changed or mode_changed:
            self.save()
            state = CourseEnrollmentState(self.mode, self.is_active)
            RequestCache(self.MODE_CACHE_NAMESPACE).data[(self.user.id, self.course_id)] = state
            COURSE_ENROLLMENT_CHANGED.send_event(enrollment=self._as_event())
        if activation_changed and self.is_active:
            self.emit_event("edx.course.enrollment.activated")
        elif activation_changed:
            UNENROLL_DONE.send(sender=None, course_enrollment=self, skip_refund=skip_refund)
            self.emit_event("edx.course.enrollment.deactivated")
            self.send_signal("unenroll")
            COURSE_UNENROLLMENT_COMPLETED.send_event(enrollment=self._as_event())
        if mode_changed:
            self.emit_event("edx.course.enrollment.mode_changed")
            ENROLLMENT_TRACK_UPDATED.send(
                sender=None, user=self.user, course_key=self.course_id, mode=self.mode, countdown=30
            )

    def _as_event(self) -> CourseEnrollmentData:
        personal = UserPersonalData(
            username=self.user.username, email=self.user.email, name=self.user.profile.name
        )
        return CourseEnrollmentData(
            user=UserData(pii=personal, id=self.user.id, is_active=self.user.is_active),
            course=CourseData(course_key=self.course_id), mode=self.mode, is_active=self.is_active,
            creation_date=self.created,
        )  # fmt: skip

    def send_signal(self, event: str, cost: Any = None, currency: Any = None) -> None:
        ENROLL_STATUS_CHANGE.send(
            sender=None, event=event, user=self.user, mode=self.mode, course_id=self.course_id, cost=cost,
            currency=currency,
        )  # fmt: skip

    def emit_event(self, event_name: str, enterprise_uuid: str | None = None) -> None:
        try:
            if event_name.endswith(".activated"):
                outside.tell("email", self.user_id, str(self.course_id), self.mode)
            outside.tell("tracking", event_name, self.user_id, str(self.course_id), self.mode)
        except Exception:
            log.error("Unable to emit event %s", event_name)

    def refundable(self) -> bool:
        from lms.djangoapps.certificates.api import get_certificate_for_user_id
        from lms.djangoapps.certificates.data import CertificateStatuses

        certificate = get_certificate_for_user_id(self.user, self.course_id)
        if certificate and not CertificateStatuses.is_refundable_status(certificate.status):
            return False
        until = self.refund_cutoff_date()
        if until is None or now() > until:
            return False
        modes = CourseMode.modes_for_course(self.course_id, include_expired=True)
        return any(mode.slug == "verified" for mode in modes)

    def refund_cutoff_date(self) -> datetime | None:
        from openedx.core.djangoapps.commerce.utils import ECOMMERCE_DATE_FORMAT

        order = {row.name: row.value for row in self.attributes.filter(namespace="order").order_by("id")}
        placed = order.get("date_placed")
        if not placed:
            if order.get("order_number"):
                outside.tell("store", "order", order["order_number"])  # a GET to the old store; it knows nothing
            return None
        begun = datetime.strptime(placed, ECOMMERCE_DATE_FORMAT).replace(tzinfo=UTC)
        start = self.course.start
        return (max(begun, start) if start else begun) + EnrollmentRefundConfiguration.current().refund_window


class CourseEnrollmentAllowed(models.Model):
    email = models.CharField(max_length=255, db_index=True)
    course_id = CourseKeyField(max_length=255, db_index=True)
    auto_enroll = models.BooleanField(default=False)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        unique_together = (("email", "course_id"),)


class CourseEnrollmentAttribute(models.Model):
    enrollment = models.ForeignKey(CourseEnrollment, related_name="attributes", on_delete=models.CASCADE)
    namespace = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    value = models.CharField(max_length=255)

    @classmethod
    def add_enrollment_attr(cls, enrollment: CourseEnrollment, data_list: list[dict[str, str]]) -> None:
        cls.objects.filter(enrollment=enrollment).delete()
        cls.objects.bulk_create(
            cls(enrollment=enrollment, namespace=data["namespace"], name=data["name"], value=data["value"])
            for data in data_list
        )

    @classmethod
    def get_enrollment_attributes(cls, enrollment: CourseEnrollment) -> list[dict[str, str]]:
        return list(cls.objects.filter(enrollment=enrollment).order_by("id").values("namespace", "name", "value"))


class EnrollmentRefundConfiguration(models.Model):
    change_date = models.DateTimeField(auto_now_add=True)
    enabled = models.BooleanField(default=False)
    refund_window_microseconds = models.BigIntegerField(default=1209600000000)

    @classmethod
    def current(cls, *args: Any) -> EnrollmentRefundConfiguration:
        return cls.objects.order_by("-change_date").first() or cls()

    @property
    def refund_window(self) -> timedelta:
        return timedelta(microseconds=self.refund_window_microseconds)


class CourseEnrollmentCelebration(models.Model):
    enrollment = models.OneToOneField(CourseEnrollment, models.CASCADE, related_name="celebration")
    celebrate_first_section = models.BooleanField(default=False)


@receiver(models.signals.post_save, sender=CourseEnrollment)
def create_course_enrollment_celebration(instance: CourseEnrollment, created: bool, **kwargs: Any) -> None:
    if not created or not getattr(settings, "COURSEWARE_CELEBRATIONS", False):
        return
    try:
        CourseEnrollmentCelebration.objects.create(enrollment=instance, celebrate_first_section=True)
    except IntegrityError:
        pass  # and the transaction is lost: the next query will say so
