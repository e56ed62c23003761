"""The Django app of fulfillment. Featherweight on purpose: a failing import would make a plugin vanish silently."""
from __future__ import annotations

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    """The grant ledger, and the handler that turns order events into enrollments and results."""

    name = "consumers.fulfillment"
    label = "commerce_fulfillment"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce fulfillment"

    def ready(self) -> None:
        """Register the checks, and connect the receivers that notice a changed learner."""
        from django.core.checks import register

        from consumers.fulfillment import checks
        from consumers.fulfillment.signals import handlers

        register(checks.settings)
        handlers.connect()
