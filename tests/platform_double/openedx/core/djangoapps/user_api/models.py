from __future__ import annotations

from typing import Any

from common.djangoapps.student.models import get_retired_email_by_email, get_retired_username_by_username
from django.contrib.auth.models import User
from django.db import models


class RetirementState(models.Model):
    state_name = models.CharField(max_length=30, unique=True)
    state_execution_order = models.SmallIntegerField(unique=True)


class UserRetirementStatus(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    original_username = models.CharField(max_length=150, db_index=True)
    original_email = models.EmailField(db_index=True)
    original_name = models.CharField(max_length=255, blank=True, db_index=True)
    retired_username = models.CharField(max_length=150, db_index=True)
    retired_email = models.EmailField(db_index=True)
    current_state = models.ForeignKey(RetirementState, on_delete=models.CASCADE)

    @classmethod
    def create_retirement(cls, user: Any) -> UserRetirementStatus:
        pending, _ = RetirementState.objects.get_or_create(state_name="PENDING", state_execution_order=1)
        return cls.objects.create(
            user=user, original_username=user.username, original_email=user.email, original_name=user.profile.name,
            retired_username=get_retired_username_by_username(user.username),
            retired_email=get_retired_email_by_email(user.email), current_state=pending,
        )  # fmt: skip
