"""Shadow mode: what would be done is decided and kept, and nobody is enrolled, told or waited for.

An order is decided as if we alone had acted on it since its first event in shadow mode: its earlier events are decided
again before the one that came, from the enrollments that were found at first. So a refund meets the grant that would be
there. Other orders of the same learner and course are not seen as long as they are in shadow mode too, and what the
platform would refuse in the act – a filter – nobody can know.

What is kept of a decision says more than elsewhere: after the seven values of ``ledger.kept`` the learner and the
course, and the modes before and after are those of the enrollment, whatever became of the line.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

import orjson
from django.db.models import Q

from commerce_events.bus import sources, sql
from commerce_events.bus.types import Event
from commerce_events.models import Inbox, Stream
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.rules.decision import LineResult
from consumers.fulfillment.rules.desired import held
from consumers.fulfillment.rules.state import Book, Pair, Seat

#: What comparing says of a line: as decided; not as decided; a later decision speaks of the same enrollment.
SAME, DIFFERS, OLDER = "same", "differs", "older"
CHUNK = 500


@dataclass(frozen=True)
class Past:
    """What came of an order in shadow mode before: its events, and what was decided, by the ids of their rows."""

    events: list[Event]
    decisions: Mapping[int, str]

    def rewind(self, book: Book) -> None:
        """Put the enrollments back to where they were found at first."""
        first: dict[Pair, str | None] = {}
        for decision in self.decisions.values():
            for *_, before, _, user, course_key in orjson.loads(decision):
                if user is not None and course_key:
                    first.setdefault(Pair(user, course_key), before)
        for pair, mode in first.items():
            if pair in book.seats:
                book.seats[pair] = Seat(mode, True) if mode is not None else None


def past(events: Sequence[Event]) -> Past:
    """The past of events of one order. Of one that was decided before, the decision is known and stays."""
    stream, own = events[0].stream, {event.id for event in events if event.id is not None}
    decided = Inbox.objects.filter(stream_id=stream.id).exclude(decision="").exclude(payload="")
    rows = list(
        decided.filter(Q(state=Inbox.State.SHADOW) | Q(pk__in=own))
        .filter(**({"pk__lte": max(own)} if own else {}))
        .order_by("pk").values_list("pk", "event_type", "payload", "digest", "decision")
    )  # fmt: skip
    earlier = [
        Event(event_type, orjson.loads(payload), stream, bytes(digest), id=pk)
        for pk, event_type, payload, digest, _ in rows
        if pk not in own
    ]
    return Past(earlier, {pk: decision for pk, *_, decision in rows})


def modes(book: Book) -> dict[Pair, str | None]:
    """What each learner holds, as far as the book goes."""
    return {pair: held(seat) for pair, seat in book.seats.items()}


def kept(lines: Iterable[LineResult], key: str, before: Mapping[Pair, str | None], book: Book) -> str:
    """What is kept of a decision."""
    grants, rows = book.orders[key].grants if key in book.orders else {}, []
    for r in lines:
        grant = grants.get(r.line_id or "")
        pair = grant.pair if grant is not None else None
        at_first, at_last = r.mode_before, r.mode_after
        if pair is not None:
            at_first, at_last = before.get(pair), held(book.seats.get(pair))
        user, course_key = pair if pair is not None else (None, None)
        rows.append((r.line_id, r.action, r.refund_id, r.outcome, r.reason_code, at_first, at_last, user, course_key))
    return orjson.dumps(rows).decode()


# ------------------------------------------------------------------------------------------------------ the report


@dataclass(slots=True)
class Line:
    """One line of one decision in shadow mode, beside the enrollment that there is now."""

    order_key: str
    line_id: str | None
    action: str
    outcome: str
    reason_code: str
    decided_at: datetime | None
    lms_user_id: int | None
    course_key: str | None
    decided: str | None  # the mode that the learner would have
    found: str | None = None
    verdict: str = ""  # empty: there is nothing to compare


def report(gateway: Gateway, source: str = "") -> list[Line]:
    """Every decision in shadow mode, the oldest first, with what became of the enrollment by somebody else's hand."""
    lines = [line for some in _rows(source) for row in some for line in _lines(row)]
    latest = {Pair(line.lms_user_id, line.course_key): line for line in lines if line.lms_user_id and line.course_key}
    gateway.begin()
    for some in batched(sorted(latest), CHUNK):
        seats = gateway.seats(some, lock=False)
        for pair in some:
            latest[pair].found = held(seats.get(pair))
    for line in lines:
        if line.lms_user_id and line.course_key:
            is_last = latest[Pair(line.lms_user_id, line.course_key)] is line
            line.verdict = (SAME if line.found == line.decided else DIFFERS) if is_last else OLDER
    return lines


def act(source: str, actor: str) -> Iterator[int]:
    """Have what was decided in shadow mode decided again, and done; how many events, some at a time.

    They wait in the queues of their stores, so what comes now need not wait behind them.
    """
    for some in _rows(source):
        by_source: dict[str, list[int]] = {}
        for row in some:
            by_source.setdefault(sources.source_of(row.key), []).append(row.id)
        for name, ids in by_source.items():
            shadows = Inbox.objects.filter(pk__in=ids, state=Inbox.State.SHADOW)
            due = sources.queue(sources.row(name).pk)
            yield shadows.update(state=Inbox.State.PENDING, due_at=due, attempts=0, reason=f"asked by {actor}"[:64])


@dataclass(slots=True)
class _Row:
    id: int
    key: str
    decision: str
    decided_at: datetime | None


def _rows(source: str) -> Iterator[list[_Row]]:
    """The events that were decided in shadow mode, by their keys, some at a time."""
    shadows = Inbox.objects.filter(state=Inbox.State.SHADOW).order_by("pk")
    last = 0
    while True:
        found = list(shadows.filter(pk__gt=last).values_list("pk", "stream_id", "decision", "handled_at")[:CHUNK])
        if not found:
            return
        keys = dict(sql.select(Stream, ("id", "key"), "id", {stream_id for _, stream_id, *_ in found}))
        last = found[-1][0]
        rows = [_Row(pk, keys[stream_id], decision, at) for pk, stream_id, decision, at in found]
        yield [row for row in rows if not source or sources.source_of(row.key) == source]


def _lines(row: _Row) -> Iterator[Line]:
    for line_id, action, _, outcome, reason, _, after, *pair in orjson.loads(row.decision or "[]"):
        user, course_key = pair or (None, None)
        yield Line(row.key, line_id, action, outcome, reason, row.decided_at, user, course_key, after)


def waiting(source: str) -> int:
    """How many events were decided and not acted upon."""
    return sum(len(some) for some in _rows(source))
