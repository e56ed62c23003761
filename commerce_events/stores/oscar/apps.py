"""The Django app of an Oscar shop that publishes its orders."""

from __future__ import annotations

from contextlib import suppress

from django.apps import AppConfig


class OscarConfig(AppConfig):
    """Hears the shop. Has no models: what was emitted is in ``commerce_events.stores``."""

    name = "commerce_events.stores.oscar"
    label = "commerce_oscar"
    verbose_name = "Commerce events of Oscar"

    def ready(self) -> None:
        """Register the check; connect the signals, that of the archived service where the shop has its refunds."""
        from django.apps import apps
        from django.core.checks import register
        from django.db.models.signals import post_save
        from oscar.core.exceptions import AppNotFoundError, ClassNotFoundError
        from oscar.core.loading import get_class

        from commerce_events.checks import TAG
        from commerce_events.stores.oscar import checks, handlers

        register(checks.shop, TAG)
        get_class("checkout.signals", "post_checkout").connect(handlers.on_checkout, dispatch_uid=self.label)
        for model, handler in (
            ("order.OrderStatusChange", handlers.on_status),
            ("payment.Transaction", handlers.on_money),
        ):
            post_save.connect(handler, sender=apps.get_model(model), dispatch_uid=self.label)
        with suppress(AppNotFoundError, ClassNotFoundError):  # a plain shop
            get_class("refund.signals", "post_refund").connect(handlers.on_refund, dispatch_uid=self.label)
