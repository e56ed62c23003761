"""The modes that a course is offered in."""
from __future__ import annotations

from collections import namedtuple
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.dispatch import receiver
from django.utils.timezone import now
from edx_django_utils.cache import RequestCache
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.lib.cache_utils import request_cached

_FIELDS = (
    "slug", "name", "min_price", "suggested_prices", "currency", "expiration_datetime", "description", "sku",
    "android_sku", "ios_sku", "bulk_sku",
)  # fmt: skip
Mode = namedtuple("Mode", _FIELDS)


class CourseMode(models.Model):
    course = models.ForeignKey(
        CourseOverview, db_constraint=False, db_index=True, related_name="modes", on_delete=models.DO_NOTHING
    )
    mode_slug = models.CharField(max_length=100)
    mode_display_name = models.CharField(max_length=255)
    min_price = models.IntegerField(default=0)
    currency = models.CharField(default="usd", max_length=8)
    _expiration_datetime = models.DateTimeField(null=True, db_column="expiration_datetime")
    suggested_prices = models.CharField(max_length=255, default="")
    description = models.TextField(null=True)
    sku = models.CharField(max_length=255, null=True)
    android_sku = models.CharField(max_length=255, null=True)
    ios_sku = models.CharField(max_length=255, null=True)
    bulk_sku = models.CharField(max_length=255, null=True)

    AUDIT, CREDIT_MODE, HONOR, VERIFIED = "audit", "credit", "honor", "verified"
    DEFAULT_MODE = Mode(*(settings.COURSE_MODE_DEFAULTS[name] for name in _FIELDS))
    DEFAULT_MODE_SLUG = settings.COURSE_MODE_DEFAULTS["slug"]
    CACHE_NAMESPACE = "course_modes.CourseMode.cache."

    class Meta:
        unique_together = ("course", "mode_slug", "currency")

    @classmethod
    def get_default_mode_slug(cls) -> str:
        return cls.DEFAULT_MODE_SLUG

    @property
    def expiration_datetime(self) -> Any:
        return self._expiration_datetime

    def to_tuple(self) -> Mode:
        return Mode(self.mode_slug, self.mode_display_name, *(getattr(self, name) for name in _FIELDS[2:]))

    @classmethod
    @request_cached(CACHE_NAMESPACE)
    def modes_for_course(
        cls, course_id: Any = None, include_expired: bool = False, only_selectable: bool = True, course: Any = None
    ) -> list[Mode]:
        rows = cls.objects.filter(course_id=course_id if course is None else course.id)
        if not include_expired:
            rows = rows.filter(Q(_expiration_datetime=None) | Q(_expiration_datetime__gte=now()))
        if only_selectable:
            rows = rows.exclude(mode_slug=cls.CREDIT_MODE)
        return [row.to_tuple() for row in rows] or [cls.DEFAULT_MODE]

    @classmethod
    def paid_modes_for_course(cls, course_id: Any) -> list[Mode]:
        open_ = Q(_expiration_datetime=None) | Q(_expiration_datetime__gte=now())
        return [row.to_tuple() for row in cls.objects.filter(open_, course_id=course_id, min_price__gt=0)]


@receiver([models.signals.post_save, models.signals.post_delete], sender=CourseMode)
def invalidate_course_mode_cache(**kwargs: Any) -> None:
    RequestCache(namespace=CourseMode.CACHE_NAMESPACE).clear()
