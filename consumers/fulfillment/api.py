"""The only Python door into fulfillment. Answers with objects of :mod:`consumers.fulfillment.data`.

Reading needs no lock and takes none. Acting means inserting one internal event: the handle stage decides, under the
locks, and the attempt log keeps who asked.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Q, QuerySet

from commerce_events import identity, topics
from commerce_events.bus import inbox
from commerce_events.bus.clock import utc_now
from commerce_events.bus.types import INTERNAL
from commerce_events.models import Inbox, Stream
from consumers.fulfillment import digests, retell
from consumers.fulfillment.data import Effect, Journey, Line, Step
from consumers.fulfillment.models import Attempt, Grant
from consumers.fulfillment.rules.decide import LINES_DISCARDED, ORDER_PAID, ORDER_REFUNDED, ORDER_RESUME
from consumers.fulfillment.rules.state import WHOLE_ORDER, Pair

__all__ = [
    "discard", "discard_event", "journey", "lines_of_learner", "retry", "retry_event", "retry_failed",
]  # fmt: skip

_RULES = "rules"


def journey(source: str, order_id: str) -> Journey | None:
    """Where an order's lines stand and how they came there; None if nothing was ever heard of it."""
    key = topics.order_key(source, order_id)
    stream = _stream(key)
    if stream is None:
        return None
    failed = [
        Step(row.decided_at, row.event_type, row.attempt, row.actor or _RULES, _effects(row), row.trace)
        for row in Attempt.objects.filter(stream_id=stream.pk).order_by("pk")
    ]
    decided = [
        Step(row.handled_at or row.received_at, row.event_type, row.attempts + 1, _actor(row), _effects(row), "")
        for row in Inbox.objects.filter(stream_id=stream.pk).exclude(decision="").order_by("pk")
    ]
    grants = Grant.objects.filter(stream_id=stream.pk).order_by("number")
    steps = sorted(failed + decided, key=lambda step: step.decided_at)
    return Journey(key, stream.revision, stream.closed, _lines(grants), tuple(steps))


def lines_of_learner(lms_user_id: int, course_key: str) -> tuple[Line, ...]:
    """Every order line that was ever bought for this learner and course, of whatever order, oldest first."""
    return _lines(Grant.objects.filter(pair=digests.of_pair(Pair(lms_user_id, course_key))).order_by("place"))


def retry(
    source: str, order_id: str, line_ids: Iterable[str], actor: str, *,
    refund_id: str | None = None, is_approved: bool = False,
) -> bool:  # fmt: skip
    """Have waiting, held or failed lines decided again, as a person asks.

    Arguments:
        refund_id: of a held refund, where it is one that shall be decided again.
        is_approved: carry the refund out although a certificate was earned (R24).

    Returns:
        Whether the order is known.
    """
    key = topics.order_key(source, order_id)
    stream = _stream(key)
    if stream is None:
        return False
    data: dict[str, Any] = {"order_key": key, "line_ids": list(line_ids), "actor": actor, "is_retry": True}
    if refund_id is not None:
        data |= {"refund_id": refund_id, "is_approved": is_approved}
    order = _told(stream)
    if order is not None:
        data["order"] = order
    inbox.enqueue(ORDER_RESUME, key, data)
    return True


def retry_failed(reason_code: str, actor: str, course_key: str = "") -> list[str]:
    """Have every line that failed for one reason decided again, after what was wrong is mended (R15).

    Arguments:
        course_key: only the lines of this course.

    Returns:
        The orders that are decided again, as ``source:order_id``.
    """
    failed = Grant.objects.filter(state="failed", reason=reason_code)
    if course_key:
        failed = failed.filter(course_key=course_key)
    lines: dict[str, list[str]] = {}
    for order_key, line_id in failed.values_list("order_key", "line_id"):
        lines.setdefault(order_key, []).append(line_id)
    for order_key in sorted(lines):
        source, _, order_id = order_key.partition(":")
        retry(source, order_id, lines[order_key], actor)
    return sorted(lines)


def discard(
    source: str, order_id: str, line_ids: Iterable[str], actor: str, *, refund_id: str | None = None
) -> bool:
    """Give waiting or held lines up, as a person decides. Returns whether the order is known.

    Arguments:
        refund_id: of a held refund, where it is one that is given up: the access stays.
    """
    key = topics.order_key(source, order_id)
    if _stream(key) is None:
        return False
    data: dict[str, Any] = {"order_key": key, "line_ids": list(line_ids), "actor": actor}
    if refund_id is not None:
        data["refund_id"] = refund_id
    inbox.enqueue(LINES_DISCARDED, key, data)
    return True


def retry_event(inbox_id: int, actor: str) -> bool:
    """Have an event decided again, as often as a new one: one that is held as a whole, or a refund that was refused.

    Returns:
        Whether there is such a one.
    """
    refused = Q(
        state=Inbox.State.HANDLED, event_type=ORDER_REFUNDED, decision__contains='"source_not_allowed"',
    ) & ~Q(payload="")  # fmt: skip
    with transaction.atomic():
        held = Inbox.objects.filter(Q(state=Inbox.State.HELD) | refused, pk=inbox_id)
        row, now = held.first(), utc_now()
        if row is None or not held.update(state=Inbox.State.PENDING, due_at=now, attempts=0, reason=""):
            return False
        Attempt.objects.create(
            stream_id=row.stream_id, event_digest=row.digest, event_type=row.event_type, attempt=row.attempts,
            decided_at=now, actor=actor[:150],
        )  # fmt: skip
    return True


def discard_event(inbox_id: int, actor: str) -> bool:
    """Give up an event that is held as a whole: its lines end as failed, a refund leaves the access."""
    row = Inbox.objects.filter(pk=inbox_id, state=Inbox.State.HELD).first()
    if row is None:
        return False
    key = Stream.objects.values_list("key", flat=True).get(pk=row.stream_id)
    inbox.enqueue(retell.EVENT_DISCARDED, key, {"order_key": key, "inbox_id": inbox_id, "actor": actor})
    return True


def _told(stream: Stream) -> dict[str, Any] | None:
    """The order as the store told it, while its events are kept: who it is for, and every line of every revision.

    The ledger forgets who a failed line was for, and what a line that failed at once was about.
    """
    payloads = Inbox.objects.filter(stream_id=stream.pk, event_type=ORDER_PAID).exclude(payload="").order_by("pk")
    orders = [orjson.loads(payload) for payload in payloads.values_list("payload", flat=True)]
    return {**orders[-1], "lines": [line for order in orders for line in order["lines"]]} if orders else None


def _effects(row: Inbox | Attempt) -> tuple[Effect, ...]:
    kept = row.decision if isinstance(row, Inbox) else row.detail
    return tuple(Effect(*effect[:7]) for effect in orjson.loads(kept))  # what shadow mode keeps says more


def _actor(row: Inbox) -> str:
    """The person who asked for a decision; only our own internal events can name one. "shadow": nothing was done."""
    if row.state == Inbox.State.SHADOW:
        return "shadow"
    return str(orjson.loads(row.payload).get("actor") or _RULES) if row.event_type.startswith(INTERNAL) else _RULES


def _stream(key: str) -> Stream | None:
    return Stream.objects.filter(digest=identity.stream_digest(topics.ORDER_TOPIC, key)).first()


def _lines(rows: QuerySet[Grant]) -> tuple[Line, ...]:
    return tuple(
        Line(
            row.order_key, row.order_number, row.line_id, row.state, row.lms_user_id, row.course_key, row.mode,
            row.paid_at, row.quantity, row.refunded_total, row.outcome, row.reason,
        )
        for row in rows
        if row.line_id != WHOLE_ORDER
    )  # fmt: skip
