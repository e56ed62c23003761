"""The one view that every Oscar shop writes itself: how money is taken."""

from __future__ import annotations

from typing import Any

from oscar.apps.checkout import views
from oscar.core.loading import get_model


class PaymentDetailsView(views.PaymentDetailsView):
    """Takes the money at once; a bank transfer is only announced."""

    def handle_payment(self, order_number: str, total: Any, **kwargs: Any) -> None:
        source_type, _ = get_model("payment", "SourceType").objects.get_or_create(name="Card")
        source = get_model("payment", "Source")(
            source_type=source_type, currency=total.currency, amount_allocated=total.incl_tax, reference=order_number
        )
        if not self.request.POST.get("by_transfer"):
            source.amount_debited = total.incl_tax
            source.create_deferred_transaction("Debit", total.incl_tax)
        self.add_payment_source(source)
