"""The ledger between its tables and the objects of the rules: loaded for a group of orders, written as it was changed.

Each step is one statement for the whole group, however many orders it holds. The order of the steps is the lock order:
the caller holds the orders' streams; then course access, in one sorted step; then (in the gateway) the enrollments.
Grants are read *after* the course access is locked, because another order of the same learner may override them.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from commerce_events.bus import sql
from commerce_events.bus.types import Stream
from consumers.fulfillment import digests, models
from consumers.fulfillment.rules.decision import LineResult
from consumers.fulfillment.rules.state import Access, Book, Grant, Order, Pair, Seat

#: Columns that never change once a grant is written, then those that do.
_IDENTITY = ("stream_id", "number", "order_key", "order_number", "line_id")
_CONTENT = (
    "state", "pair", "place", "lms_user_id", "course_key", "product_kind", "product", "mode", "paid_at", "quantity",
    "seats_used", "refunded_total", "ordered_quantity", "is_full", "chargeback", "hint", "found", "content", "outcome",
    "reason", "base", "last_mode", "last_active",
)  # fmt: skip
_READ = (
    "id", "stream_id", "order_number", "base", "last_mode", "last_active", "order_key", "line_id", "state",
    "lms_user_id", "course_key", "product_kind", "product", "mode", "paid_at", "quantity", "seats_used",
    "refunded_total", "ordered_quantity", "is_full", "chargeback", "hint", "found", "content", "outcome",
    "reason", "place",
)  # fmt: skip
_WAITING = (
    "stream_id", "line_digest", "order_key", "line_id", "email_digest", "username_digest", "lms_user_id", "learner",
)  # fmt: skip


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
        for row in sql.select(models.Grant, _READ, "stream_id", sorted(known), order_by="number"):
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

        The access is in the pair's first grant. A pair without any is not locked: whoever writes it first wins, the
        other is rolled back and decides again.

        Returns:
            The pairs in lock order.
        """
        book = self.book
        by_digest = sorted((digests.of_pair(pair), pair) for pair in pairs)
        wanted = [digest for digest, _ in by_digest]
        locked = [row[0] for row in sql.select(models.Grant, ("pair",), "pair", wanted, lock=True, extra="place = 0")]
        own = {stream.id for stream in self.streams.values()}
        # Read after the lock, in the order of their places: the first of each pair comes first.
        for row in sorted(sql.select(models.Grant, _READ, "pair", locked), key=_place):
            grant = _grant(row)
            assert grant.pair is not None  # it was found by its pair
            self.order_numbers.setdefault(grant.order_key, row[2])
            if row[1] in own:  # read again: what stood there before the lock may be out of date
                book.orders[grant.order_key].grants[grant.line_id] = grant
            if grant.place == 0:
                base, mode, is_active = row[3:6]
                last_set = None if mode is None else Seat(mode, is_active)
                book.accesses[grant.pair] = Access(grant.pair, base, last_set, [grant])
            else:
                book.accesses[grant.pair].grants.append(grant)
        return [pair for _, pair in by_digest]

    # ---------------------------------------------------------------------------------------------------- writing

    def write(self) -> None:
        """Write what the rules changed."""
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        began: list[Grant] = []
        ended: list[Grant] = []
        self._place()
        for key, order in self.book.orders.items():
            stream, number = self.streams[key], self.order_numbers.get(key, "")
            if order.dirty:
                stream.revision, stream.closed, stream.dirty = order.revision, order.closed, True
            for line_number, grant in enumerate(order.grants.values()):
                if grant.id is None:
                    new.append((stream.id, line_number, key, number, grant.line_id, *self._content(grant)))
                elif grant.dirty:
                    changed.append((grant.id, *self._content(grant)))
                else:
                    continue
                if grant.state == "waiting":
                    began.append(grant)
                elif (key, grant.line_id) in self._waited:
                    ended.append(grant)
        changed += [
            (grant.id, *self._content(grant))
            for access in self.book.accesses.values()
            for grant in access.grants
            if grant.dirty and grant.order_key not in self.streams  # of another order, guarded by the course access
        ]
        new.sort(key=_pair_and_place)  # two writers of the same new pairs must meet in one order
        sql.insert(models.Grant, (*_IDENTITY, *_CONTENT), new)
        sql.update(models.Grant, _CONTENT, sorted(changed))
        if began or ended:
            self._write_waiting(began, ended)

    def _place(self) -> None:
        """Give each grant that came to a pair its place there; the first carries the pair's access."""
        accesses = self.book.accesses
        taken: dict[Pair, int] = {}
        for order in self.book.orders.values():
            for grant in order.grants.values():
                pair = grant.pair
                if pair is None or not pair.course_key or grant.place is not None:
                    continue  # an entitlement that is not spent yet has a learner and no course
                place = taken.get(pair)
                if place is None:
                    access = accesses.get(pair)
                    places = [known.place for known in access.grants if known.place is not None] if access else ()
                    place = max(places, default=-1) + 1
                grant.place, grant.dirty = place, True
                taken[pair] = place + 1
        for access in accesses.values():
            if access.dirty:
                for grant in access.grants:
                    if grant.place == 0:
                        grant.dirty = True

    def _content(self, grant: Grant) -> tuple[Any, ...]:
        pair = grant.pair
        digest = user = base = mode = None
        is_active = False
        if pair is not None:
            user = pair.lms_user_id
            digest = digests.of_pair(pair) if pair.course_key else None
            if grant.place == 0 and (access := self.book.accesses.get(pair)) is not None:
                base = access.base
                if access.last_set is not None:
                    mode, is_active = access.last_set
        return (
            grant.state, digest, grant.place, user, grant.course_key, grant.product_kind,
            orjson.dumps(grant.product).decode() if grant.product else "", grant.mode, grant.paid_at, grant.quantity,
            grant.seats_used, grant.refunded_total, grant.ordered_quantity, grant.is_full,
            grant.chargeback, grant.hint, grant.found, grant.content or None, grant.outcome, grant.reason, base, mode,
            is_active,
        )  # fmt: skip

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


def kept(lines: Sequence[LineResult]) -> str:
    """What is kept of a decision: what it did to each line."""
    return orjson.dumps([
        (r.line_id, r.action, r.refund_id, r.outcome, r.reason_code, r.mode_before, r.mode_after) for r in lines
    ]).decode()  # fmt: skip


def _grant(row: tuple[Any, ...]) -> Grant:
    (
        row_id, _, _, _, _, _, order_key, line_id, state, user, course_key, product_kind, product, mode,
        paid_at, quantity, seats_used, refunded_total, ordered_quantity, is_full, chargeback, hint, found,
        content, outcome, reason, place,
    ) = row  # fmt: skip
    return Grant(
        order_key, line_id, state, None if user is None else Pair(user, course_key), product_kind, course_key, mode,
        paid_at, quantity, seats_used, refunded_total, ordered_quantity, is_full, chargeback, hint, found,
        content or b"", outcome, reason, None, row_id, place, product=orjson.loads(product) if product else None,
    )  # fmt: skip


def _place(row: tuple[Any, ...]) -> Any:
    return row[-1]


def _pair_and_place(row: tuple[Any, ...]) -> tuple[bytes, int]:
    return row[6] or b"", row[7] or 0
