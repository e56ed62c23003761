"""What ``commerce-events doctor`` says of a store's orders: what is late, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Max

from commerce_events.bus.types import OK, WARNING, Finding
from consumers.order_status.book import NO_RESULT, NOT_FINAL
from consumers.order_status.models import Call, OrderLine, Publication, RefundRequest

_LIST = "manage.py commerce_order_status list --alarm"


def everything() -> Iterator[Finding]:
    """One finding for each thing that a store should look at."""
    waiting = Publication.objects.filter(next_send_at__isnull=False)
    count, most = waiting.count(), waiting.aggregate(most=Max("sends"))["most"]
    yield Finding("events without an answer", OK, f"{count}, sent {most} times at most" if count else "0")
    for alarm, says in ((NO_RESULT, "order lines without any result"), (NOT_FINAL, "order lines without an end")):
        count = OrderLine.objects.filter(alarm=alarm).count()
        yield Finding(says, WARNING if count else OK, str(count), _LIST if count else "")
    count = RefundRequest.objects.filter(state=RefundRequest.State.OPEN).count()
    yield Finding("open refund requests", OK, str(count), "manage.py commerce_order_status requests" if count else "")
    count = Call.objects.filter(state=Call.State.HELD).count()
    hint = "manage.py commerce_order_status calls lists them; --retry makes them again" if count else ""
    yield Finding("held calls to stores", WARNING if count else OK, str(count), hint)

