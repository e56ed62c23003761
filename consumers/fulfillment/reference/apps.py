"""The Django app of the reference gateway."""
from __future__ import annotations

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """Courses and enrollments of a site that is no LMS. Not for an LMS: it has its own."""

    name = "consumers.fulfillment.reference"
    label = "commerce_reference"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce reference gateway"
