"""Time goes by: what nobody has answered is sent again, and what takes too long is an alarm.

To send an event again is harmless: the LMS recognises its content, and sends the results that it has for it again. So
this heals both, an event that was lost on its way there and a result that was lost on its way back (ADR 0017).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from commerce_events.bus import inbox, outbox
from consumers.order_status import calls, conf
from consumers.order_status.book import NO_RESULT, NOT_FINAL, Book, Line
from consumers.order_status.models import Order, OrderLine, Publication

log = logging.getLogger(__name__)

#: Events of one round, each in a transaction of its own.
ROUND = 100


def due(now: datetime) -> QuerySet[Publication]:
    """The events that are to be sent again now, the longest due first."""
    return Publication.objects.filter(next_send_at__lte=now).order_by("next_send_at", "pk")


def resend(now: datetime, options: conf.Options, most: int = ROUND) -> int:
    """Send again what is due; how many events."""
    return sum(_again(event, now, options) for event in list(due(now)[:most]))


def _again(event: Publication, now: datetime, options: conf.Options) -> bool:
    with transaction.atomic():
        inbox.lock(event.order_key)
        wait = options.resend[min(event.sends, len(options.resend) - 1)]
        # only if nobody else did it, and no answer came, while this waited for the lock
        mine = Publication.objects.filter(pk=event.pk, next_send_at__lte=now)
        if not mine.update(sends=event.sends + 1, next_send_at=now + wait):
            return False
        if not outbox.again(event.batch_id):
            log.error("%s cannot be sent again: the outbox no longer keeps it", event.order_key)
    return True


def at_once(events: Iterable[Publication], now: datetime) -> int:
    """Send these again because a person asks for it, whether they were answered or not; how many were still there."""
    sent = 0
    for event in events:
        with transaction.atomic():
            inbox.lock(event.order_key)
            if outbox.again(event.batch_id):
                Publication.objects.filter(pk=event.pk).update(sends=F("sends") + 1)
                sent += 1
    return sent


def alarms(now: datetime, options: conf.Options, most: int = ROUND) -> int:
    """Raise the alarms that are due; how many orders are concerned."""
    silent = Publication.objects.filter(alarm_at__lte=now).order_by("alarm_at", "pk")
    keys = set(silent.values_list("order_key", flat=True)[:most])
    slow = OrderLine.objects.filter(open_since__lte=now - options.not_final, alarm="").order_by("open_since", "pk")
    digests = list(slow.values_list("order_digest", flat=True)[:most])
    keys.update(Order.objects.filter(digest__in=digests).values_list("order_key", flat=True))
    return sum(_raise(key, now, options) for key in sorted(keys))


def _raise(order_key: str, now: datetime, options: conf.Options) -> bool:
    with transaction.atomic():
        inbox.lock(order_key)
        book = Book([order_key], now)
        order = book.orders[order_key]
        due = Publication.objects.filter(pk__in=[event.id for event in order.waiting], alarm_at__lte=now)
        silent = set(due.values_list("pk", flat=True))
        due.update(alarm_at=None)
        for event in order.waiting:
            if event.id in silent:
                for line_id in event.unanswered(order.lines):
                    _alarm(order.line(line_id), NO_RESULT)
        for line in order.lines.values():
            if line.open_since is not None and line.open_since <= now - options.not_final and not line.alarm:
                _alarm(line, NOT_FINAL)
        news = book.write()
        calls.tell(news, options, now, "order.alarm")
    for line in order.lines.values():
        if line.is_news and line.alarm:
            log.error("ALARM %s: %s line %s", line.alarm, order_key, line.line_id or "-")
    return bool(silent or news)


def _alarm(line: Line, kind: str) -> None:
    line.alarm, line.is_changed = kind, True
