"""The Django app of the durable bus. Featherweight on purpose: a failing import would make a plugin vanish silently."""
from __future__ import annotations

from typing import Any, ClassVar

from django.apps import AppConfig


class CommerceEventsConfig(AppConfig):
    """Inbox, outbox, positions, dead letters and gaps."""

    name = "commerce_events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce events"
    #: An app that an entry point names and that lacks this attribute is left out of an LMS without a word.
    plugin_app: ClassVar[dict[str, Any]] = {}

    def ready(self) -> None:
        """Register the checks."""
        from django.core.checks import register

        from commerce_events import checks

        register(checks.bus, checks.TAG)
