"""What a careful developer writes for the stock event bus: a transaction for the order, then a result event.

An app of its own, so that only processes of the stock loop have it.
"""
from __future__ import annotations

import time
from typing import Any

from django.apps import AppConfig
from django.db import connection, transaction

#: What the receiver has handled, and what the store has sold.
RECEIVED, SOLD = "stock_received", "stock_sold"
TABLES = {
    RECEIVED: "id SERIAL, at double precision, what varchar(255), lms_user_id integer",
    SOLD: "id SERIAL, what varchar(255)",
}
#: Without the prefix: where the stock producer sends what became of an order, and what a stock store has sold.
RESULTS, ORDERS = "stock-results", "stock-orders"


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
    _received("order", order, order.learner.lms_user_id, more)


def refunded(refund: Any, **more: Any) -> None:
    """A refund: its row, then its result."""
    _received("refund", refund, None, more)


def _received(argument: str, data: Any, learner: int | None, more: dict[str, Any]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {RECEIVED} (at, what, lms_user_id) VALUES (%s, %s, %s)", [time.time(), name(data), learner]
        )
    publish(RESULTS, more["signal"], argument, data, more["metadata"])


def publish(topic: str, signal: Any, argument: str, data: Any, metadata: Any) -> None:
    """Give an event to the stock producer, which says nothing."""
    from openedx_events.event_bus import get_producer

    get_producer().send(
        signal=signal, topic=topic, event_key_field=f"{argument}.order_key", event_data={argument: data},
        event_metadata=metadata,
    )  # fmt: skip


def name(data: Any) -> str:
    """How the tables name an event."""
    last = f"refund {data.refund_id}" if hasattr(data, "refund_id") else f"revision {data.revision}"
    return f"{data.order_key} {last}"


def told(event_type: str, body: dict[str, Any]) -> str:
    """The same name, from what stands on a topic."""
    (data,) = body.values()
    last = f"refund {data['refund_id']}" if "refund" in event_type else f"revision {data['revision']}"
    return f"{data['order_key']} {last}"
