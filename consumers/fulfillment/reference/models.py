"""Courses and enrollments, as small as they can be. Learners are the accounts of ``django.contrib.auth``."""
from __future__ import annotations

from typing import Any

from django.db import models

from commerce_events.bus.fields import DigestField
from consumers.fulfillment import digests


class ReferenceCourse(models.Model):
    """A course run: its modes with the day each expires, its seats, its enrollment window.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of the course key
    course_key = models.CharField(max_length=255)
    modes = models.JSONField(default=dict)  # mode → ISO time of its expiry, or null
    capacity = models.IntegerField(null=True, blank=True)  # null: no limit
    enrollment_start = models.DateTimeField(null=True, blank=True)
    enrollment_end = models.DateTimeField(null=True, blank=True)
    invitation_only = models.BooleanField(default=False)

    class Meta:
        app_label = "commerce_reference"  # also where only the parent app is installed, which would adopt the tables

    def __str__(self) -> str:
        return self.course_key

    def save(self, **more: Any) -> None:
        """Whoever makes a course need not know that it is found by a digest."""
        self.digest = digests.of_course(self.course_key)
        super().save(**more)


class ReferenceEnrollment(models.Model):
    """One learner in one course run. An inactive row keeps its mode, as the platform's do.

    .. pii: which account is enrolled in which course
    .. pii_types: id
    .. pii_retirement: local_api
    """

    pair = DigestField(unique=True)  # of user id and course key
    lms_user_id = models.BigIntegerField()
    course_key = models.CharField(max_length=255)
    mode = models.CharField(max_length=32)
    is_active = models.BooleanField(default=True)
    is_certified = models.BooleanField(default=False)
    order_key = models.CharField(max_length=161, default="", blank=True)  # the order that set the mode last
    order_number = models.CharField(max_length=255, default="", blank=True)
    line_id = models.CharField(max_length=128, default="", blank=True)

    class Meta:
        app_label = "commerce_reference"

    def __str__(self) -> str:
        return f"{self.lms_user_id} in {self.course_key}: {self.mode}{'' if self.is_active else ', inactive'}"
