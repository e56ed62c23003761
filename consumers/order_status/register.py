"""What this store publishes is written down in the same transaction, with the time at which it is to be sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from commerce_events import topics
from commerce_events.bus import inbox, script, sql
from commerce_events.bus.clock import utc_now
from commerce_events.publishing import Published
from consumers.order_status import conf
from consumers.order_status.book import Book, Waiting, order_digest
from consumers.order_status.models import Publication

_COLUMNS = (
    "message_id", "order_digest", "order_key", "action", "refund_id", "line_ids", "batch_id", "published_at", "sends",
    "next_send_at", "alarm_at",
)  # fmt: skip


def on_published(event: Published, **_: Any) -> None:
    """Receiver of :data:`commerce_events.publishing.published`."""
    register(event, utc_now(), conf.options())


def register(event: Published, now: datetime, options: conf.Options) -> None:
    """Write down an event that stands in the outbox. The same content again is the same event, sent once more."""
    # Whoever publishes may hold a lock of another kind; results are handled under this one.
    inbox.lock(event.order_key)
    with script.gathered():
        book = Book([event.order_key], now, [event.message_id])
        order = book.open(event.order_key, event.data["order_number"])
        waiting = _waiting(event)
        for each in event.data["lines"]:
            line = order.line(each["line_id"])
            if line.published_at is None:
                line.published_at, line.is_changed = now, True
                line.quantity = each["quantity"] if waiting.action == "fulfill" else each["ordered_quantity"]
            line.course_key = line.course_key or each.get("course_key") or ""
            line.mode = line.mode or each.get("mode") or ""
        book.write()  # the store knows already
        if event.message_id in book.published:
            sql.update(Publication, ("batch_id",), [(event.message_id, event.batch_id)], key="message_id")
        else:
            _write(event, waiting, bool(waiting.unanswered(order.lines)), now, options)


def _waiting(event: Published) -> Waiting:
    """What the event waits for; it has no row yet."""
    line_ids = orjson.dumps([line["line_id"] for line in event.data["lines"]]).decode()
    if event.event_type == topics.ORDER_PAID_TYPE:
        return Waiting(0, "fulfill", "", line_ids)
    return Waiting(0, "revoke", event.data["refund_id"], line_ids)


def _write(event: Published, waiting: Waiting, is_open: bool, now: datetime, options: conf.Options) -> None:
    sql.insert(Publication, _COLUMNS, [(
        event.message_id, order_digest(event.order_key), event.order_key, waiting.action, waiting.refund_id,
        waiting.line_ids, event.batch_id, now, 1, now + options.resend[0] if is_open else None,
        now + options.no_result if is_open else None,
    )])  # fmt: skip
