"""The Django app of a store's order status. A plain app: nothing of an LMS is needed."""

from __future__ import annotations

from django.apps import AppConfig


class OrderStatusConfig(AppConfig):
    """What became of the orders of this store."""

    name = "consumers.order_status"
    label = "commerce_order_status"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Commerce order status"

    def ready(self) -> None:
        """Register the checks, and listen to what this store publishes."""
        from django.core.checks import register as register_check

        from commerce_events.checks import TAG
        from commerce_events.publishing import published
        from consumers.order_status import checks, register

        register_check(checks.settings, TAG)
        published.connect(register.on_published, dispatch_uid="commerce_order_status")
