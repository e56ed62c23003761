"""What a careful developer writes for the stock event bus: a transaction for the order, then a result event.

An app of its own, so that only processes of the stock loop have it.
"""
from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connection, transaction

TABLE = "stock_received"
#: Without the prefix: where the stock producer sends what became of an order.
RESULTS = "stock-results"


class StockConfig(AppConfig):
    """Connects the receivers."""

    name = "tests.faults"
    label = "stock_loop"

    def ready(self) -> None:
        from commerce_events import signals

        signals.ORDER_PAID.connect(paid)
        signals.ORDER_REFUNDED.connect(refunded)


def paid(order: Any, **more: Any) -> None:
    """An order: its row, then its result."""
    _received(f"{order.order_key} revision {order.revision}", "order", order, more)


def refunded(refund: Any, **more: Any) -> None:
    """A refund: its row, then its result."""
    _received(f"{refund.order_key} refund {refund.refund_id}", "refund", refund, more)


def _received(what: str, argument: str, data: Any, more: dict[str, Any]) -> None:
    from openedx_events.event_bus import get_producer

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (what) VALUES (%s)", [what])
    get_producer().send(
        signal=more["signal"], topic=RESULTS, event_key_field=f"{argument}.order_key", event_data={argument: data},
        event_metadata=more["metadata"],
    )  # fmt: skip


def told(event_type: str, body: dict[str, Any]) -> str:
    """The name of an event in the receiver's table, from what stands on a topic."""
    (data,) = body.values()
    last = f"refund {data['refund_id']}" if "refund" in event_type else f"revision {data['revision']}"
    return f"{data['order_key']} {last}"
