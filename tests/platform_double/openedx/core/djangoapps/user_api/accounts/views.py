"""The steps of retirement, each a request of its own: days lie between them."""
from __future__ import annotations

from typing import Any

from django.db import transaction

from ...enrollments.api import unenroll_user_from_all_courses
from ..models import UserRetirementStatus
from .signals import USER_RETIRE_LMS_CRITICAL, USER_RETIRE_LMS_MISC, USER_RETIRE_MAILINGS


def unenroll(username: str) -> Any:
    return unenroll_user_from_all_courses(username)


def mailings(username: str) -> None:
    retirement = UserRetirementStatus.objects.get(original_username=username)
    for _, answer in USER_RETIRE_MAILINGS.send_robust(sender=unenroll, user=retirement.user):
        if isinstance(answer, Exception):
            raise answer


def misc(username: str) -> None:
    retirement = UserRetirementStatus.objects.get(original_username=username)
    USER_RETIRE_LMS_MISC.send(sender=unenroll, user=retirement.user)


@transaction.atomic
def retire(username: str) -> None:
    retirement = UserRetirementStatus.objects.get(original_username=username)
    user = retirement.user
    USER_RETIRE_LMS_CRITICAL.send(
        sender=unenroll, user=user, retired_username=retirement.retired_username,
        retired_email=retirement.retired_email,
    )  # fmt: skip
    user.username, user.email = retirement.retired_username, retirement.retired_email
    user.first_name = user.last_name = ""
    user.is_active = False
    user.save()


def cleanup(usernames: list[str]) -> None:
    UserRetirementStatus.objects.filter(original_username__in=usernames).delete()
