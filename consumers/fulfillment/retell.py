"""What is told without deciding anything: old words again, events that cannot be read, and failures."""
from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from commerce_events import wire
from commerce_events.bus import outbox, sql
from commerce_events.bus.failures import is_transient
from commerce_events.bus.types import Context, Event, Outcome
from commerce_events.models import Inbox
from consumers.fulfillment import ledger, results
from consumers.fulfillment.models import Attempt, Grant
from consumers.fulfillment.results import Teller
from consumers.fulfillment.rules.decide import ORDER_PAID, ORDER_REFUNDED
from consumers.fulfillment.rules.decision import LineResult

#: Reasons that speak of an attempt and not of a line: a later attempt may overrule them.
PASSING = frozenset({"database_unavailable", "content_store_unavailable", "internal_error"})
#: A person gave up an event that was held as a whole; ``data`` names its row.
EVENT_DISCARDED = "internal.event.discarded.v1"
#: The longest ids of the contract; an event that breaks them is answered by its dead letter alone.
_LIMITS = {"source": 32, "order_id": 128, "order_number": 255, "refund_id": 128, "line_id": 128}


def renew(event: Event, context: Context) -> Outcome:
    """Every current message of the order under a new id and sequence (a restored database starts a new epoch)."""
    teller = Teller(context)
    return Outcome([teller.renewed(event.stream, event_type, body) for event_type, body in _current(event.stream.id)])


def reject(event: Event, context: Context) -> Outcome:
    """Failed / schema_invalid for each line that could be read, unless that line has a result already."""
    lines = rejected(event)
    number = event.data.get("order_number") or ""
    messages = Teller(context).results(event.stream, number, lines, event.attempts + 1) if lines else []
    return Outcome(messages, decision=ledger.kept(lines) if lines else "")


def rejected(event: Event) -> list[LineResult]:
    """What is to be told of the lines of an event that could not be read as a whole."""
    data = event.data
    if not _is_answerable(data, event.stream.key):
        return []
    refund_id = data.get("refund_id")
    action = "revoke" if data.get("event_type") == ORDER_REFUNDED else "fulfill"
    told = {results.slot_of(_body(body)) for _, body in _current(event.stream.id)}
    line_ids = [line_id for line_id in dict.fromkeys(data.get("lines") or ()) if len(line_id) <= _LIMITS["line_id"]]
    return [
        LineResult(line_id, refund_id, action, "failed", "schema_invalid", True)
        for line_id in line_ids
        if results.slot(line_id, action, refund_id) not in told
    ]


def failure(event: Event, error: Exception, held: str, context: Context, *, is_silent: bool = False) -> Outcome:
    """Deferred, for each line of an order event that failed: at its first failure, and when it is held for a person.

    A line whose result says more than that keeps it: a repeated order that fails takes nothing back. ``is_silent``:
    note the attempt, and tell nobody.
    """
    reason = getattr(error, "reason_code", "") or held or ("database_unavailable" if is_transient(error) else "")
    reason = reason if reason in PASSING else "internal_error"
    lines = [] if is_silent else list(_untold(event, "deferred", reason))
    sql.insert(
        Attempt,
        ("stream_id", "event_digest", "event_type", "attempt", "decided_at", "detail", "trace"),
        [(event.stream.id, event.digest, event.event_type, event.attempts, context.now, ledger.kept(lines),
          trace(error))],
    )  # fmt: skip
    return Outcome(Teller(context).results(event.stream, event.data.get("order_number") or "", lines, event.attempts))


def given_up(event: Event, context: Context, *, is_silent: bool = False) -> Outcome:
    """A person gives up an event that was held as a whole: its lines end as failed, a refund leaves the access."""
    held = Inbox.objects.filter(pk=event.data["inbox_id"], stream_id=event.stream.id, state=Inbox.State.HELD)
    row = held.first()
    if row is None or not held.update(state=Inbox.State.DISCARDED):
        return Outcome()  # somebody was faster
    given = Event(row.event_type, orjson.loads(row.payload or "{}"), event.stream, row.digest, row.attempts)
    outcome = "retained" if row.event_type == ORDER_REFUNDED else "failed"
    lines = [] if is_silent or not row.payload else list(_untold(given, outcome, "discarded"))
    messages = Teller(context).results(event.stream, given.data.get("order_number") or "", lines, row.attempts)
    return Outcome(messages, decision=ledger.kept(lines))


def _untold(event: Event, outcome: str, reason: str) -> Iterator[LineResult]:
    """The lines of an order event, but for those whose result says more than that an attempt failed."""
    if event.event_type not in (ORDER_PAID, ORDER_REFUNDED):
        return
    refund_id = event.data.get("refund_id")
    action = "fulfill" if event.event_type == ORDER_PAID else "revoke"
    told = {
        results.slot_of(body) for body in map(_body, _bodies(event.stream.id)) if body["reason_code"] not in PASSING
    }
    for line_id, course_key, quantity in _touched(event):
        if results.slot(line_id, action, refund_id) not in told:
            yield LineResult(
                line_id, refund_id, action, outcome, reason, outcome != "deferred", course_key=course_key,
                quantity=quantity,
            )  # fmt: skip


def _touched(event: Event) -> list[tuple[str | None, str | None, int]]:
    """The lines that an order event speaks of: line id, course key, quantity. An event without any is about the order.

    A full reversal reaches the lines of the ledger, too; each will have a result of its own.
    """
    data = event.data
    lines: dict[str | None, tuple[str | None, int]] = {}
    if data.get("is_full") or data.get("refund_kind") == "chargeback":
        known = sql.select(Grant, ("line_id", "course_key", "quantity"), "stream_id", [event.stream.id])
        lines = {line_id: (course_key or None, quantity) for line_id, course_key, quantity in known if line_id}
    for line in data["lines"]:
        lines[line["line_id"]] = line.get("course_key"), line["quantity"]
    return [(line_id, *rest) for line_id, rest in lines.items()] or [(None, None, 0)]


def trace(error: BaseException) -> str:
    """An error for the attempt log: class and frames. Never its text, which may quote personal data."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    causes = [f"caused by {type(error.__cause__).__name__}"] if error.__cause__ is not None else []
    return "\n".join([type(error).__name__, *causes, *frames[-20:]])


def _current(stream_id: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """The current messages of an order, each with its type and its decoded body."""
    for message in outbox.current([stream_id]).get(stream_id, []):
        yield message.event_type, wire.decode(message.event_type, bytes(message.body))


def _bodies(stream_id: int) -> Iterable[dict[str, Any]]:
    return (body for _, body in _current(stream_id) if "fulfillment" in body)


def _body(decoded: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = next(iter(decoded.values()))
    return body


def _is_answerable(data: Mapping[str, Any], key: str) -> bool:
    if f"{data.get('source')}:{data.get('order_id')}" != key:
        return False
    return all(len(str(data.get(name) or "")) <= limit for name, limit in _LIMITS.items())
