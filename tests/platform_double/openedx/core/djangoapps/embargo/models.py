from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.db import models
from django.dispatch import receiver
from opaque_keys.edx.django.models import CourseKeyField


class RestrictedCourse(models.Model):
    course_key = CourseKeyField(max_length=255, db_index=True, unique=True)
    blocked = models.CharField(max_length=255, default="")  # countries; tables of their own in the platform

    COURSE_LIST_CACHE_KEY = "embargo.restricted_courses"

    @classmethod
    def blocked_countries(cls, course_key: Any) -> list[str]:
        known = cache.get(cls.COURSE_LIST_CACHE_KEY)
        if known is None:
            known = {str(row.course_key): row.blocked.split() for row in cls.objects.all()}
            cache.set(cls.COURSE_LIST_CACHE_KEY, known)
        return known.get(str(course_key), [])


@receiver([models.signals.post_save, models.signals.post_delete], sender=RestrictedCourse)
def invalidate_restricted_course_cache(**kwargs: Any) -> None:
    cache.delete(RestrictedCourse.COURSE_LIST_CACHE_KEY)
