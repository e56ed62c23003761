"""The Django app of the durable bus. Featherweight on purpose: a failing import would make a plugin vanish silently."""
from __future__ import annotations

from django.apps import AppConfig


class CommerceEventsConfig(AppConfig):
    """Inbox, outbox, positions, dead letters and gaps."""

    name = "commerce_events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce events"
