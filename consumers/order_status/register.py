"""What this store publishes is written down in the same transaction, with the time at which it is to be sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from commerce_events import topics
from commerce_events.bus import inbox
from commerce_events.models import Stream
from commerce_events.publishing import Published
from consumers.order_status import conf
from consumers.order_status.book import Book, Waiting, order_digest
from consumers.order_status.models import Publication


def on_published(event: Published, **_: Any) -> None:
    """Receiver of :data:`commerce_events.publishing.published`."""
    register(event, datetime.now(UTC), conf.options())


def register(event: Published, now: datetime, options: conf.Options) -> None:
    """Write down an event that stands in the outbox. The same content again is the same event, sent once more."""
    # Whoever publishes may hold a lock of another kind; results are handled under this one.
    Stream.objects.select_for_update().get(pk=inbox.stream_of(event.order_key))
    data, is_paid = event.data, event.event_type == topics.ORDER_PAID_TYPE
    book = Book([event.order_key], now)
    order = book.open(event.order_key, data["order_number"])
    for each in data["lines"]:
        line = order.line(each["line_id"])
        if line.published_at is None:
            line.published_at, line.is_changed = now, True
            line.quantity = each["quantity"] if is_paid else each["ordered_quantity"]
        line.course_key = line.course_key or each.get("course_key") or ""
        line.mode = line.mode or each.get("mode") or ""
    book.write()  # the store knows already
    if Publication.objects.filter(message_id=event.message_id).update(batch_id=event.batch_id):
        return
    waiting = Waiting(
        0, "fulfill" if is_paid else "revoke", "" if is_paid else data["refund_id"],
        orjson.dumps([line["line_id"] for line in data["lines"]]).decode(),
    )  # fmt: skip
    is_open = bool(waiting.unanswered(order.lines))
    Publication.objects.create(
        message_id=event.message_id, order_digest=order_digest(event.order_key), order_key=event.order_key,
        action=waiting.action, refund_id=waiting.refund_id, line_ids=waiting.line_ids, batch_id=event.batch_id,
        published_at=now, next_send_at=now + options.resend[0] if is_open else None,
        alarm_at=now + options.no_result if is_open else None,
    )  # fmt: skip
