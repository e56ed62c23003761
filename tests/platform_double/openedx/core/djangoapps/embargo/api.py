from __future__ import annotations

from typing import Any

from django.conf import settings

from .models import RestrictedCourse


def check_course_access(
    course_key: Any, user: Any = None, ip_addresses: list[str] | None = None, url: str | None = None
) -> bool:
    if not settings.EMBARGO:
        return True
    blocked = RestrictedCourse.blocked_countries(course_key)
    if not blocked or user is None:
        return True
    if user.is_staff:
        return True
    profile = getattr(user, "profile", None)
    return profile is None or (profile.country or "").upper() not in blocked
