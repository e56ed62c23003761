from __future__ import annotations

import uuid as uuid_tools
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import IntegrityError, models
from django.dispatch import receiver
from django.utils.timezone import now
from lms.djangoapps.commerce.utils import refund_entitlement
from openedx.core.djangoapps.catalog.utils import get_course_uuid_for_course

from common.djangoapps.student.signals import UNENROLL_DONE


class CourseEntitlementPolicy(models.Model):
    expiration_period = models.DurationField(default=timedelta(days=730))
    refund_period = models.DurationField(default=timedelta(days=60))
    regain_period = models.DurationField(default=timedelta(days=14))
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE)
    mode = models.CharField(max_length=32, null=True)


class CourseEntitlement(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    uuid = models.UUIDField(default=uuid_tools.uuid4, editable=False, unique=True)
    course_uuid = models.UUIDField()
    expired_at = models.DateTimeField(null=True, blank=True)
    mode = models.CharField(max_length=100)
    enrollment_course_run = models.ForeignKey(
        "student.CourseEnrollment", null=True, blank=True, on_delete=models.CASCADE
    )
    order_number = models.CharField(max_length=128, default=None, null=True)
    refund_locked = models.BooleanField(default=False)
    _policy = models.ForeignKey(CourseEntitlementPolicy, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        unique_together = ("course_uuid", "order_number")

    def is_entitlement_refundable(self) -> bool:
        policy = self._policy or CourseEntitlementPolicy()
        in_time = now() - self.created <= policy.refund_period
        return not self.refund_locked and not self.expired_at and self.order_number is not None and in_time

    def set_enrollment(self, enrollment: Any) -> None:
        self.enrollment_course_run = enrollment
        self.save()

    def expire_entitlement(self) -> None:
        self.expired_at = now()
        self.save()

    def refund(self) -> None:
        if not refund_entitlement(course_entitlement=self):
            raise IntegrityError

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.order_number:
            self.order_number = None
        if self.order_number and len(self.order_number) > 128:
            raise ValueError("value too long for type character varying(128)")  # SQLite alone would take it
        super().save(*args, **kwargs)

    @classmethod
    def unenroll_entitlement(cls, course_enrollment: Any, skip_refund: bool) -> None:
        course_uuid = get_course_uuid_for_course(course_enrollment.course_id)
        held = cls.objects.filter(user=course_enrollment.user, course_uuid=course_uuid)
        held = held.exclude(expired_at__isnull=False, enrollment_course_run=None).order_by("-created").first()
        if held and held.enrollment_course_run == course_enrollment:
            held.set_enrollment(None)
            if not skip_refund and held.is_entitlement_refundable():
                held.expire_entitlement()
                held.refund()


@receiver(UNENROLL_DONE)
def unenroll_entitlement(sender: Any, course_enrollment: Any = None, skip_refund: bool = False, **kwargs: Any) -> None:
    CourseEntitlement.unenroll_entitlement(course_enrollment, skip_refund)
