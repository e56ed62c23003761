"""The Django app of fulfillment. Featherweight on purpose: a failing import would make a plugin vanish silently."""
from __future__ import annotations

from typing import Any, ClassVar

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    """The grant ledger, and the handler that turns order events into enrollments and results."""

    name = "consumers.fulfillment"
    label = "commerce_fulfillment"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce fulfillment"
    #: What an LMS asks its plugins (``edx_django_utils.plugins``): where their settings are. Receivers are connected
    #: below instead: the LMS would not start if one of its signals had another name in its next release.
    plugin_app: ClassVar[dict[str, Any]] = {
        "settings_config": {
            "lms.djangoapp": {
                "common": {"relative_path": "settings.common"},
                "production": {"relative_path": "settings.production"},
            },
        },
    }

    def ready(self) -> None:
        """Register the checks, and connect the receivers that notice what learners do."""
        from django.core.checks import register

        from commerce_events.checks import TAG
        from consumers.fulfillment import checks
        from consumers.fulfillment.signals import handlers

        for check in (checks.settings, checks.platform):
            register(check, TAG)
        handlers.connect()
