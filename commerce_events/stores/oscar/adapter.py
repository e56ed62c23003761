"""Oscar as a source that is asked in the same process and never sends a webhook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.apps import apps
from django.db.models import Q
from django.utils import timezone

from commerce_events.stores.adapter import Ask, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.oscar.options import OscarOptions
from commerce_events.stores.oscar.orders import snapshot
from commerce_events.stores.snapshot import Notice, Snapshot

registry: Any = apps  # the shop's models are not ours to know

#: A refund younger than this may still be without its lines; the next sweep reads it.
SETTLES = timedelta(seconds=10)


class Oscar:
    """The shop of this Django project."""

    has_public_keys = True  # nothing is signed, because nothing is received

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = OscarOptions.of(source, options)

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> NoReturn:
        raise SignatureError("this store sends no webhooks")

    def delivery(self, headers: Headers, raw: bytes) -> None:
        return None

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        return [Nothing("this store sends no webhooks")]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        order = self.orders().filter(number=ask.id).first()
        if order is None:
            return [Snapshot(order_id=ask.id, is_partial=True, notices=(Notice(code="order_gone"),))]
        return [snapshot(order, self.options, until=timezone.now() - SETTLES)]

    def changed(self, since: datetime) -> Iterator[Reading]:
        is_new = (
            Q(date_placed__gte=since) | Q(status_changes__date_created__gte=since)
            | Q(payment_events__date_created__gte=since) | Q(sources__transactions__date_created__gte=since)
        )  # fmt: skip
        if self.options.refunds == "refund_app":
            is_new |= Q(refunds__modified__gte=since)
        numbers = self.orders().filter(is_new).order_by("pk").values_list("number", flat=True).distinct()
        for number in numbers.iterator():
            yield Ask(number)

    def orders(self) -> Any:
        """The orders of this source."""
        orders = registry.get_model("order", "Order")._default_manager.all()
        return orders.filter(site_id=self.options.site_id) if self.options.site_id else orders
