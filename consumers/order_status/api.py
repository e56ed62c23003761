"""The only Python door into this app, for a store's own pages and jobs."""

from __future__ import annotations

from commerce_events.topics import order_key
from consumers.order_status.book import order_digest
from consumers.order_status.data import LineStatus, OrderStatus
from consumers.order_status.models import Order, OrderLine
from consumers.order_status.requests import settle as settle_refund_request

__all__ = ["LineStatus", "OrderStatus", "order_status", "settle_refund_request"]


def order_status(source: str, order_id: str) -> OrderStatus | None:
    """How an order stands; None for one that was not published here."""
    digest = order_digest(order_key(source, order_id))
    order = Order.objects.filter(digest=digest).first()
    if order is None:
        return None
    rows = OrderLine.objects.filter(order_digest=digest).exclude(line_id="").order_by("line_id")
    return OrderStatus(
        source, order_id, order.order_number, order.status, order.changed_at,
        tuple(
            LineStatus(
                row.line_id, row.state, row.reason, row.is_final, row.alarm, row.course_key, row.mode, row.quantity,
                row.changed_at,
            )
            for row in rows
        ),
    )  # fmt: skip
