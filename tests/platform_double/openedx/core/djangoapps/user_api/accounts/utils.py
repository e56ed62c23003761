from __future__ import annotations

from typing import Any

from common.djangoapps.student.models import Registration, get_retired_email_by_email

from ..models import UserRetirementStatus


def create_retirement_request_and_deactivate_account(user: Any) -> None:
    UserRetirementStatus.create_retirement(user)
    user.email = get_retired_email_by_email(user.email)
    user.set_unusable_password()
    user.save()
    Registration.objects.filter(user=user).delete()
