"""The shop's signals: whatever was done to an order, what is missing of it goes to the outbox.

Inside of a transaction of the shop the event is committed with it. Otherwise it is written right after; the sweep finds
what a process that died between the two has not told.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connection, transaction

from commerce_events.bus.clock import utc_now
from commerce_events.bus.failures import summary
from commerce_events.exceptions import ContractError, OperatorError
from commerce_events.stores import orders
from commerce_events.stores.conf import stores
from commerce_events.stores.oscar.adapter import Oscar
from commerce_events.stores.oscar.orders import snapshot
from commerce_events.stores.snapshot import Notice

log = logging.getLogger(__name__)


def tell(order: Any) -> None:
    """Publish what is missing of an order. What is wrong with it stops no checkout: a person is told.

    The order is read again: what a checkout holds in its hands is older than its table, and its number may be an int.
    """
    try:
        known = stores()
    except OperatorError as error:
        log.error("no order is published: %s. %s", error, error.hint)
        return
    for store in known.values():
        if not isinstance(store.adapter, Oscar):
            continue
        try:
            now = utc_now()
            here = store.adapter.orders().filter(pk=order.pk).first()
            if here is not None:
                orders.apply(store.source, snapshot(here, store.adapter.options), now)
        except ContractError as error:
            log.error("store %s: an order breaks the contract: %s", store.source, error)
            orders.note(store.source, here.number, [Notice(code="contract_broken", about=str(error)[:255])], now)
        except DatabaseError as error:
            if connection.in_atomic_block:
                raise  # the shop's own transaction may be lost with it
            log.error("store %s: an order is left to the sweep: %s", store.source, summary(error))


def on_checkout(sender: Any, order: Any, **_: Any) -> None:
    """``post_checkout``: placed, and perhaps paid."""
    tell(order)


def on_status(sender: Any, instance: Any, **_: Any) -> None:
    """A change of status was recorded. ``order_status_changed`` is sent before, when its time is not known yet."""
    tell(instance.order)


def on_money(sender: Any, instance: Any, **_: Any) -> None:
    """A transaction of a payment source was recorded; Oscar has no signal for it."""
    tell(instance.source.order)


def on_refund(sender: Any, refund: Any, **_: Any) -> None:
    """``post_refund`` of the archived service."""
    tell(refund.order)


class RefundsAreTold:
    """For a shop's own ``EventHandler``: a payment event, its lines and what we make of them are one transaction.

    ::

        class EventHandler(RefundsAreTold, processing.EventHandler):
            ...
    """

    def handle_payment_event(self, order: Any, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            event = super().handle_payment_event(order, *args, **kwargs)  # type: ignore[misc]
            tell(order)
            return event
