"""What belongs to a user beside the account."""
from __future__ import annotations

import uuid
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField
from openedx.core.djangoapps.signals.signals import USER_ACCOUNT_ACTIVATED
from openedx.core.lib import user_util

from .course_enrollment import CourseEnrollment, CourseEnrollmentAllowed


def _new_key() -> str:
    return uuid.uuid4().hex


class UserProfile(models.Model):
    user = models.OneToOneField(User, unique=True, db_index=True, related_name="profile", on_delete=models.CASCADE)
    name = models.CharField(blank=True, max_length=255, db_index=True)
    country = models.CharField(max_length=2, blank=True, null=True)


class CourseAccessRole(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course_id = CourseKeyField(max_length=255, db_index=True, blank=True)
    role = models.CharField(max_length=64, db_index=True)


class Registration(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    activation_key = models.CharField(max_length=32, unique=True, db_index=True, default=_new_key)

    def activate(self) -> None:
        self.user.is_active = True
        self.user.save(update_fields=["is_active"])
        USER_ACCOUNT_ACTIVATED.send_robust(self.__class__, user=self.user)
        enroll_as_allowed(self.user)


def enroll_as_allowed(user: Any) -> None:
    """Whoever was allowed into a course before the account was there comes in – in the default mode."""
    for allowed in CourseEnrollmentAllowed.objects.filter(email=user.email, auto_enroll=True):
        CourseEnrollment.enroll(user, allowed.course_id)


def _hashed_names(username: str) -> list[str]:
    return list(user_util.get_all_retired_usernames(
        username, settings.RETIRED_USER_SALTS, settings.RETIRED_USERNAME_FMT
    ))  # fmt: skip


def _hashed_emails(email: str) -> list[str]:
    return list(user_util.get_all_retired_emails(email, settings.RETIRED_USER_SALTS, settings.RETIRED_EMAIL_FMT))


def is_username_retired(username: str) -> bool:
    status = apps.get_model("user_api", "UserRetirementStatus")
    return (
        get_user_model().objects.filter(username__in=_hashed_names(username)).exists()
        or status.objects.filter(original_username=username).exists()
    )


def is_email_retired(email: str) -> bool:
    return get_user_model().objects.filter(email__in=_hashed_emails(email)).exists()


def get_retired_username_by_username(username: str) -> str:
    return _hashed_names(username)[-1]


def get_retired_email_by_email(email: str) -> str:
    return _hashed_emails(email)[-1]
