"""The tables of the stock receiver and of the smaller ceiling: a dedupe row, an enrollment per line, a result row."""
from __future__ import annotations

from django.db import models


class Processed(models.Model):
    """An event that was seen.

    .. no_pii:
    """

    event_id = models.CharField(max_length=64, unique=True)
    seen_at = models.DateTimeField(auto_now_add=True)


class Enrollment(models.Model):
    """A learner in a course.

    .. no_pii:
    """

    lms_user_id = models.BigIntegerField()
    course_key = models.CharField(max_length=255)
    mode = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    order_key = models.CharField(max_length=161)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lms_user_id", "course_key"], name="bench_enrollment")]


class Result(models.Model):
    """What became of an order.

    .. no_pii:
    """

    order_key = models.CharField(max_length=161, db_index=True)
    status = models.CharField(max_length=32)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
