from __future__ import annotations

from typing import Any

from .models import GeneratedCertificate


def get_certificate_for_user_id(user: Any, course_id: Any) -> GeneratedCertificate | None:
    return GeneratedCertificate.certificate_for_student(user, course_id)
