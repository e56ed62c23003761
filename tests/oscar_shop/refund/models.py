"""Refunds as the archived service keeps them: the same names, relations, states and signal."""

from __future__ import annotations

from django.db import models

from tests.oscar_shop.refund.signals import post_refund


class Refund(models.Model):
    order = models.ForeignKey("order.Order", models.CASCADE, related_name="refunds")
    total_credit_excl_tax = models.DecimalField(decimal_places=2, max_digits=12)
    status = models.CharField(max_length=255, default="Open")
    created = models.DateTimeField(auto_now_add=True)
    modified = models.DateTimeField(auto_now=True)

    def approve(self) -> None:
        """Give the money back. The service revokes access then, and says so at the end."""
        self.status = "Payment Refunded"
        self.save()
        self.status = "Complete"
        self.save()
        post_refund.send_robust(sender=type(self), refund=self)


class RefundLine(models.Model):
    refund = models.ForeignKey(Refund, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey("order.Line", models.CASCADE, related_name="refund_lines")
    line_credit_excl_tax = models.DecimalField(decimal_places=2, max_digits=12)
    quantity = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=255, default="Open")
