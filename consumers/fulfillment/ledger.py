"""The ledger between its tables and the objects of the rules: loaded for a group of orders, written as it was changed.

Each step is one statement for the whole group, however many orders it holds. The order of the steps is the lock order:
the caller holds the orders' streams; then course access, in one sorted step; then (in the gateway) the enrollments.
Grants are read *after* the course access is locked, because another order of the same learner may override them.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from commerce_events.bus import sql
from commerce_events.bus.types import INTERNAL, Event, Stream
from consumers.fulfillment import digests, models
from consumers.fulfillment.rules.decision import LineResult
from consumers.fulfillment.rules.state import Access, Book, Grant, Order, Pair, Seat

#: Columns that never change once a grant is written, then those that do.
_IDENTITY = ("stream_id", "line_digest", "order_key", "order_number", "line_id")
_CONTENT = (
    "state", "pair", "lms_user_id", "course_key", "product_kind", "mode", "paid_at", "quantity", "seats_used",
    "refunded_total", "ordered_quantity", "is_full", "chargeback", "hint", "found", "content", "outcome", "reason",
)  # fmt: skip
_READ = (
    "id", "stream_id", "order_number", "order_key", "line_id", "state", "lms_user_id", "course_key", "product_kind",
    "mode", "paid_at", "quantity", "seats_used", "refunded_total", "ordered_quantity", "is_full", "chargeback", "hint",
    "found", "content", "outcome", "reason",
)  # fmt: skip
_ACCESS = ("pair", "lms_user_id", "course_key", "base", "last_mode", "last_active")
_WAITING = (
    "stream_id", "line_digest", "order_key", "line_id", "email_digest", "username_digest", "lms_user_id", "learner",
)  # fmt: skip
_ATTEMPT = ("stream_id", "event_digest", "event_type", "attempt", "actor", "decided_at", "detail", "trace")


class Ledger:
    """The ledger rows of one group of orders, in one transaction."""

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self.streams = streams  # by order key
        self.book = Book()
        self.order_numbers: dict[str, str] = {}  # by order key; what people read
        self._waited: set[tuple[str, str]] = set()  # (order key, line id) that have a waiting row

    # ---------------------------------------------------------------------------------------------------- loading

    def load_orders(self) -> None:
        """Read the orders' own lines.

        A stream that has never told anything has none: every line that enters the ledger is told. So a group of new
        orders costs no statement here.
        """
        orders = self.book.orders
        known = {}
        for key, stream in self.streams.items():
            if stream.next_n > 1 or stream.closed:
                known[stream.id] = stream
                orders[key] = Order(key, {}, stream.revision, stream.closed)
        waiting = False
        for row in sql.select(models.Grant, _READ, "stream_id", sorted(known)):
            grant = _grant(row)
            orders[grant.order_key].grants[grant.line_id] = grant
            self.order_numbers[grant.order_key] = row[2]
            waiting = waiting or grant.state == "waiting"
        if waiting:
            columns = ("order_key", "line_id", "learner")
            for key, line_id, learner in sql.select(models.WaitingLine, columns, "stream_id", sorted(known)):
                self._waited.add((key, line_id))
                orders[key].grants[line_id].learner = orjson.loads(learner)

    def lock_pairs(self, pairs: Collection[Pair]) -> list[Pair]:
        """Lock the course access of these pairs and read what stands behind it: every grant, of whatever order.

        A pair without a row is not locked: whoever writes it first wins, the other is rolled back and decides again.

        Returns:
            The pairs in lock order.
        """
        book = self.book
        by_digest = sorted((digests.of_pair(pair), pair) for pair in pairs)
        columns = ("id", *_ACCESS)
        locked: list[bytes] = []
        rows = sql.select(models.CourseAccess, columns, "pair", [digest for digest, _ in by_digest], lock=True)
        for row_id, digest, user, course_key, base, mode, is_active in rows:
            pair = Pair(user, course_key)
            book.accesses[pair] = Access(pair, base, None if mode is None else Seat(mode, is_active), [], row_id)
            locked.append(digest)
        own = {stream.id for stream in self.streams.values()}
        for row in sorted(sql.select(models.Grant, _READ, "pair", locked)):
            grant = _grant(row)
            self.order_numbers.setdefault(grant.order_key, row[2])
            if row[1] in own:  # read again: what stood there before the lock may be out of date
                book.orders[grant.order_key].grants[grant.line_id] = grant
            if grant.pair in book.accesses:
                book.accesses[grant.pair].grants.append(grant)
        return [pair for _, pair in by_digest]

    # ---------------------------------------------------------------------------------------------------- writing

    def write(self) -> None:
        """Write what the rules changed."""
        self._write_accesses()
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        began: list[Grant] = []
        ended: list[Grant] = []
        for key, order in self.book.orders.items():
            stream, number = self.streams[key], self.order_numbers.get(key, "")
            if order.dirty:
                stream.revision, stream.closed, stream.dirty = order.revision, order.closed, True
            for grant in order.grants.values():
                if grant.id is None:
                    line_id = grant.line_id
                    new.append((stream.id, digests.of_line(line_id), key, number, line_id, *_content(grant)))
                elif grant.dirty:
                    changed.append((grant.id, *_content(grant)))
                else:
                    continue
                if grant.state == "waiting":
                    began.append(grant)
                elif (key, grant.line_id) in self._waited:
                    ended.append(grant)
        changed += [
            (grant.id, *_content(grant))
            for access in self.book.accesses.values()
            for grant in access.grants
            if grant.dirty and grant.order_key not in self.streams  # of another order, guarded by the course access
        ]
        sql.insert(models.Grant, (*_IDENTITY, *_CONTENT), new)
        sql.update(models.Grant, _CONTENT, sorted(changed))
        if began or ended:
            self._write_waiting(began, ended)

    def _write_accesses(self) -> None:
        new, changed = [], []
        for pair, access in self.book.accesses.items():
            if access.dirty:
                mode, is_active = access.last_set if access.last_set is not None else (None, False)
                if access.id is None:
                    new.append((digests.of_pair(pair), *pair, access.base, mode, is_active))
                else:
                    changed.append((access.id, access.base, mode, is_active))
        new.sort()  # two writers of the same new pairs must meet in one order
        sql.insert(models.CourseAccess, _ACCESS, new)
        sql.update(models.CourseAccess, ("base", "last_mode", "last_active"), sorted(changed))

    def _write_waiting(self, began: Sequence[Grant], ended: Sequence[Grant]) -> None:
        streams = sorted({self.streams[grant.order_key].id for grant in (*began, *ended)})
        rewritten = {(grant.order_key, grant.line_id) for grant in (*began, *ended)}
        old = models.WaitingLine.objects.filter(stream_id__in=streams).values_list("pk", "order_key", "line_id")
        models.WaitingLine.objects.filter(pk__in=[pk for pk, *line in old if tuple(line) in rewritten]).delete()
        rows = []
        for grant in began:
            learner = grant.learner or {}
            email, username = learner.get("email"), learner.get("username")
            rows.append((
                self.streams[grant.order_key].id, digests.of_line(grant.line_id), grant.order_key, grant.line_id,
                digests.of_email(email) if email else None,
                digests.of_username(username) if username else None,
                learner.get("lms_user_id"), orjson.dumps(learner).decode(),
            ))  # fmt: skip
        sql.insert(models.WaitingLine, _WAITING, rows)


def write_attempts(decided: Iterable[tuple[Event, Sequence[LineResult]]], now: datetime) -> None:
    """One row for each event that was decided: what was found, what was done, and why."""
    sql.insert(models.Attempt, _ATTEMPT, [
        (event.stream.id, event.digest, event.event_type, event.attempts + 1, _actor(event), now, detail(lines), "")
        for event, lines in decided
    ])  # fmt: skip


def _actor(event: Event) -> str:
    """The person who asked for a decision; only our own internal events can name one."""
    return str(event.data.get("actor") or "rules") if event.event_type.startswith(INTERNAL) else "rules"


def detail(lines: Sequence[LineResult]) -> str:
    """What an attempt did to each line, as its row keeps it."""
    return orjson.dumps([
        (r.line_id, r.action, r.refund_id, r.outcome, r.reason_code, r.mode_before, r.mode_after) for r in lines
    ]).decode()  # fmt: skip


def _content(grant: Grant) -> tuple[Any, ...]:
    pair = grant.pair
    digest, user = (digests.of_pair(pair), pair[0]) if pair is not None else (None, None)
    return (
        grant.state, digest, user, grant.course_key, grant.product_kind, grant.mode, grant.paid_at, grant.quantity,
        grant.seats_used, grant.refunded_total, grant.ordered_quantity, grant.is_full, grant.chargeback, grant.hint,
        grant.found, grant.content or None, grant.outcome, grant.reason,
    )  # fmt: skip


def _grant(row: tuple[Any, ...]) -> Grant:
    (
        row_id, _, _, order_key, line_id, state, user, course_key, product_kind, mode, paid_at, quantity, seats_used,
        refunded_total, ordered_quantity, is_full, chargeback, hint, found, content, outcome, reason,
    ) = row  # fmt: skip
    return Grant(
        order_key, line_id, state, None if user is None else Pair(user, course_key), product_kind, course_key, mode,
        paid_at, quantity, seats_used, refunded_total, ordered_quantity, is_full, chargeback, hint, found,
        content or b"", outcome, reason, None, row_id,
    )  # fmt: skip
