from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class GeneratedCertificate(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course_id = CourseKeyField(max_length=255, blank=True)
    status = models.CharField(max_length=32, default="unavailable")
    mode = models.CharField(max_length=32, default="honor")

    class Meta:
        unique_together = (("user", "course_id"),)

    @classmethod
    def certificate_for_student(cls, student: Any, course_id: Any) -> GeneratedCertificate | None:
        return cls.objects.filter(user=student, course_id=course_id).first()
