"""The orders of a group of events: read together, changed in memory, written together.

A constant number of statements for a group. The caller holds the stream row of each order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from commerce_events import identity
from commerce_events.bus import sql
from consumers.order_status import states
from consumers.order_status.models import Order, OrderLine, Publication
from consumers.order_status.states import Answer, LineState

_ORDER = ("digest", "order_key", "order_number", "status", "changed_at")
_LINE = (
    "digest", "order_digest", "line_id", "course_key", "mode", "quantity", "state", "reason", "is_final", "answers",
    "alarm", "published_at", "accepted_at", "changed_at", "open_since",
)  # fmt: skip
_WAITING = ("order_digest", "id", "action", "refund_id", "line_ids")
NO_RESULT, NOT_FINAL = "no_result", "not_final"


def order_digest(order_key: str) -> bytes:
    """The identity of an order."""
    return identity.text_digest("order", order_key)


class Waiting(NamedTuple):
    """A published event that is sent again until it is answered."""

    id: int
    action: str
    refund_id: str
    line_ids: str  # JSON

    def unanswered(self, lines: Mapping[str, Line]) -> list[str]:
        """The lines of it without an answer."""
        answers = {line_id: line.answers for line_id, line in lines.items()}
        return states.unanswered(orjson.loads(self.line_ids), self.action, self.refund_id, answers)


@dataclass(slots=True)
class Line:
    """A line in memory; ``row`` is its primary key, ``before`` its state as it was read, both None for a new one."""

    line_id: str
    row: int | None = None
    before: LineState | None = None
    course_key: str = ""
    mode: str = ""
    quantity: int = 0
    answers: states.Answers = field(default_factory=dict)
    alarm: str = ""
    published_at: datetime | None = None
    accepted_at: datetime | None = None
    changed_at: datetime | None = None
    open_since: datetime | None = None
    is_changed: bool = False

    @property
    def state(self) -> LineState:
        """How it stands."""
        return states.line_state(self.answers, self.alarm)

    @property
    def is_news(self) -> bool:
        """It does not stand as it stood."""
        return self.state != self.before


@dataclass(slots=True)
class OpenOrder:
    """An order in memory, with the events of it that wait for answers. ``before`` is its status as it was read."""

    order_key: str
    order_number: str
    row: int | None = None
    before: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    def line(self, line_id: str) -> Line:
        """A line, made if it is new."""
        if line_id not in self.lines:
            self.lines[line_id] = Line(line_id, is_changed=True)
        return self.lines[line_id]

    @property
    def status(self) -> str:
        """What follows from the lines. What is about the order as a whole counts only where somebody must act."""
        found = {line_id: line.state for line_id, line in self.lines.items()}
        return states.order_status(
            line for line_id, line in found.items() if line_id or line.alarm or line.state == "failed"
        )

    @property
    def is_news(self) -> bool:
        """Its status or the state of a line is not what it was."""
        return self.status != self.before or any(line.is_news for line in self.lines.values())

    def settle(self, now: datetime) -> list[Waiting]:
        """End the alarms and waits that answers have ended; the events that are answered now."""
        left = {event: event.unanswered(self.lines) for event in self.waiting}
        missing = {line_id for line_ids in left.values() for line_id in line_ids}
        for line in self.lines.values():
            ended = line.state.is_final
            if (line.alarm == NO_RESULT and line.line_id not in missing) or (line.alarm == NOT_FINAL and ended):
                line.alarm, line.is_changed = "", True
            if line.is_changed:
                line.changed_at = now
                line.open_since = None if ended or not line.line_id else line.open_since or now
        return [event for event, line_ids in left.items() if not line_ids]


class Book:
    """The orders with these keys. ``published`` are those of the given messages that were published before."""

    def __init__(self, order_keys: Iterable[str], now: datetime, message_ids: Iterable[str] = ()) -> None:
        self.now = now
        keys = {order_digest(key): key for key in order_keys}
        found, lines, waiting, published = sql.selects(
            sql.Query(Order, ("id", *_ORDER), "digest", list(keys)),
            sql.Query(OrderLine, ("id", *_LINE), "order_digest", list(keys)),
            sql.Query(Publication, _WAITING, "order_digest", list(keys), extra="next_send_at IS NOT NULL"),
            sql.Query(Publication, ("message_id",), "message_id", list(message_ids)),
        )
        self.published = {message_id for (message_id,) in published}
        self.orders = {
            key: OpenOrder(key, number, row, status)
            for row, _, key, number, status, _ in found
        }  # fmt: skip
        for row, _, digest, *values in lines:
            line = _line(row, values)
            self.orders[keys[bytes(digest)]].lines[line.line_id] = line
        for digest, *event in waiting:
            self.orders[keys[bytes(digest)]].waiting.append(Waiting(*event))

    def open(self, order_key: str, order_number: str) -> OpenOrder:
        """An order, made if it is new."""
        return self.orders.setdefault(order_key, OpenOrder(order_key, order_number))

    def answer(self, result: Mapping[str, Any]) -> None:
        """Fold one result into its line."""
        line = self.orders[result["order_key"]].line(result.get("line_id") or "")
        answers = states.folded(line.answers, result)
        if answers is not line.answers:
            line.answers, line.is_changed = answers, True
            line.accepted_at = line.accepted_at or self.now
            line.course_key = line.course_key or result.get("course_key") or ""
            line.quantity = line.quantity or result["quantity"]

    def write(self) -> list[OpenOrder]:
        """Write what has changed; the orders that do not stand as they stood."""
        orders = sorted(self.orders.values(), key=lambda order: order_digest(order.order_key))
        answered = [event.id for order in orders for event in order.settle(self.now)]
        sql.insert(Order, _ORDER, [
            (order_digest(o.order_key), o.order_key, o.order_number, o.status, self.now)
            for o in orders if o.row is None
        ])  # fmt: skip
        sql.update(Order, ("status", "changed_at"), sorted(
            (o.row, o.status, self.now) for o in orders if o.row is not None and o.status != o.before
        ))  # fmt: skip
        lines = [(o.order_key, line) for o in orders for line in o.lines.values() if line.is_changed]
        sql.insert(OrderLine, _LINE, [_values(key, line) for key, line in lines if line.row is None])
        sql.update(OrderLine, _LINE[2:], sorted(
            (line.row, *_values(key, line)[2:]) for key, line in lines if line.row is not None
        ))  # fmt: skip
        sql.update(Publication, ("next_send_at", "alarm_at", "answered_at"), [
            (row, None, None, self.now) for row in sorted(answered)
        ])  # fmt: skip
        return [order for order in orders if order.is_news]


def _values(order_key: str, line: Line) -> tuple[Any, ...]:
    state, answers = line.state, {name: list(answer) for name, answer in line.answers.items()}
    return (
        identity.text_digest("line", order_key, line.line_id), order_digest(order_key), line.line_id, line.course_key,
        line.mode, line.quantity, state.state, state.reason, state.is_final, orjson.dumps(answers).decode(),
        line.alarm, line.published_at, line.accepted_at, line.changed_at, line.open_since,
    )  # fmt: skip


def _line(row: int, values: list[Any]) -> Line:
    line_id, course_key, mode, quantity, _, _, _, answers, alarm, published, accepted, changed, open_since = values
    kept = {name: Answer(*answer) for name, answer in orjson.loads(answers).items()}
    before = states.line_state(kept, alarm)
    return Line(
        line_id, row, before, course_key, mode, quantity, kept, alarm, published, accepted, changed, open_since
    )
