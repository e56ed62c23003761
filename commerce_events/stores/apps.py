"""The Django app of the stores: what they were told to have emitted, and what of them waits."""

from __future__ import annotations

from django.apps import AppConfig


class StoresConfig(AppConfig):
    """Orders, deliveries, questions to stores, notices and sweeps."""

    name = "commerce_events.stores"
    label = "commerce_stores"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce stores"
    #: Where ``commerce_events.bus.metrics`` finds what Prometheus should hear of this app.
    commerce_metrics = "commerce_events.stores.overview"

    def ready(self) -> None:
        """Register the checks."""
        from django.core.checks import register

        from commerce_events.checks import TAG
        from commerce_events.gateway.checks import service
        from commerce_events.stores import checks

        register(checks.stores, TAG)
        register(service, TAG)
