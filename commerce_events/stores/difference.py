"""Which events are missing between what was emitted for an order and what the store shows now. Pure.

The state that is kept per order is small and plain JSON (:class:`Emitted`). It remembers each line's course and mode,
because a store forgets them with a deleted product, and each reversal's seats, because totals must count all of them.
Snapshots may come in any order: an old one brings nothing that was not emitted, and nothing is ever taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from commerce_events import topics
from commerce_events.stores.snapshot import Item, Learner, Notice, Reversal, Snapshot
from commerce_events.wire import moment

Body = dict[str, Any]


@dataclass(slots=True)
class Emitted:
    """What has gone out for one order.

    Attributes:
        lines: by line id ``{"quantity", "course_key", "mode"}``.
        refunds: by refund id the seats by line id.
        is_full: a full reversal went out.
        payments: how many ``order.paid``; the revision of the next one.
        notices: those that were told.
    """

    lines: dict[str, Body] = field(default_factory=dict)
    refunds: dict[str, dict[str, int]] = field(default_factory=dict)
    is_full: bool = False
    payments: int = 0
    notices: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """From its JSON; an empty one for an order nobody has heard of."""
        return cls(
            {line: dict(known) for line, known in kept.get("lines", {}).items()},
            {refund: dict(seats) for refund, seats in kept.get("refunds", {}).items()},
            kept.get("is_full", False), kept.get("payments", 0), [list(told) for told in kept.get("notices", ())],
        )  # fmt: skip

    def as_json(self) -> Body:
        return {
            "lines": self.lines, "refunds": self.refunds, "is_full": self.is_full, "payments": self.payments,
            "notices": self.notices,
        }  # fmt: skip

    def returned(self, line_id: str) -> int:
        """Seats of the line that all reversals gave back."""
        return sum(seats.get(line_id, 0) for seats in self.refunds.values())

    def is_left(self) -> bool:
        """Whether a seat went out and did not come back."""
        return any(self.returned(line_id) < line["quantity"] for line_id, line in self.lines.items())


@dataclass(frozen=True, slots=True)
class Missing:
    """What is to go out: ``(event type, body)`` in their order, what a person should see, and the state afterwards."""

    events: tuple[tuple[str, Body], ...]
    notices: tuple[Notice, ...]
    emitted: Emitted


def difference(source: str, snapshot: Snapshot, emitted: Emitted, now: datetime) -> Missing:
    """Compare. Nothing is written and ``emitted`` is left as it is.

    Arguments:
        source: the slug of the store.
        now: ``occurred_at`` of the events; does not count for their identity.
    """
    after = Emitted.of(emitted.as_json())
    head = {
        "source": source, "order_id": snapshot.order_id, "order_key": topics.order_key(source, snapshot.order_id),
        "order_number": snapshot.order_number or snapshot.order_id,
    }  # fmt: skip
    events: list[tuple[str, Body]] = []
    notices = [*snapshot.notices, *_changed(snapshot, after), *_gone(snapshot, after)]
    if snapshot.paid_at is not None:
        new = [item for item in snapshot.items if item.line_id not in after.lines]
        paid = [item for item in new if item.is_paid and (snapshot.shows_money or not after.payments)]
        notices += [Notice(code="line_without_money", about=item.line_id) for item in new if item not in paid]
        if paid and not snapshot.learner.is_named and not all(item.beneficiary for item in paid):
            notices.append(Notice(code="learner_missing"))
        elif paid:
            events.append((topics.ORDER_PAID_TYPE, {"order": _paid(head, snapshot, paid, after.payments, now)}))
            after.payments += 1
            for item in paid:
                after.lines[item.line_id] = {
                    "quantity": item.quantity, "course_key": item.course_key, "mode": item.mode,
                }  # fmt: skip
    if after.lines or snapshot.is_partial:  # what was never sold is not given back
        for reversal in sorted(snapshot.reversals, key=lambda reversal: (reversal.at, reversal.refund_id)):
            if reversal.is_full and reversal.refund_id in after.refunds and not after.is_full and after.is_left():
                # it went out before the store said that nothing is left: take the rest, under a name of its own
                reversal = replace(reversal, refund_id=f"{reversal.refund_id}/rest", lines=())
            if reversal.refund_id not in after.refunds:
                if _exceeds(reversal, after):
                    notices.append(Notice(code="refund_exceeds_line", about=reversal.refund_id))
                refund = _refunded(head, snapshot, reversal, after, now)
                events.append((topics.ORDER_REFUNDED_TYPE, {"refund": refund}))
    fresh = [notice for notice in dict.fromkeys(notices) if [notice.code, notice.about] not in after.notices]
    after.notices += [[notice.code, notice.about] for notice in fresh]
    return Missing(tuple(events), tuple(fresh), after)


def _changed(snapshot: Snapshot, known: Emitted) -> Iterable[Notice]:
    """A line never changes what it stands for; where a store lets people edit one, a person must look."""
    for item in snapshot.items:
        line = known.lines.get(item.line_id)
        if line is not None and (
            item.quantity > line["quantity"]
            or (item.course_key and line["course_key"] and item.course_key != line["course_key"])
            or (item.mode and line["mode"] and item.mode != line["mode"])
        ):
            yield Notice(code="line_changed", about=item.line_id)


def _gone(snapshot: Snapshot, known: Emitted) -> Iterable[Notice]:
    """What went out and is no longer there. Nothing is granted again by itself: totals never go down."""
    if snapshot.is_current:
        shown = {reversal.refund_id for reversal in snapshot.reversals}
        for refund_id in known.refunds:
            if refund_id.removesuffix("/rest") not in shown:
                yield Notice(code="refund_gone", about=refund_id)


def _exceeds(reversal: Reversal, after: Emitted) -> bool:
    """Whether it gives back more seats of a line than are left; what goes out is cut down to those."""
    given: dict[str, int] = {}
    for line in reversal.lines:
        given[line.line_id] = given.get(line.line_id, 0) + line.quantity
    return any(
        quantity > after.lines[line_id]["quantity"] - after.returned(line_id)
        for line_id, quantity in given.items() if line_id in after.lines
    )  # fmt: skip


def _paid(head: Body, snapshot: Snapshot, items: list[Item], revision: int, now: datetime) -> Body:
    assert snapshot.paid_at is not None
    return {
        **head, "revision": revision, "paid_at": moment(snapshot.paid_at), "occurred_at": moment(now),
        "is_test": snapshot.is_test, "email_opt_in": snapshot.email_opt_in, "learner": _learner(snapshot.learner),
        "lines": [_line(item) for item in items],
    }  # fmt: skip


def _refunded(head: Body, snapshot: Snapshot, reversal: Reversal, after: Emitted, now: datetime) -> Body:
    """One reversal's event; ``after`` counts it."""
    seats: dict[str, int] = {}
    ordered: dict[str, int] = {line_id: line["quantity"] for line_id, line in after.lines.items()}
    for given in reversal.lines:
        if given.ordered is not None:
            ordered.setdefault(given.line_id, given.ordered)
        if given.quantity > 0:
            seats[given.line_id] = seats.get(given.line_id, 0) + given.quantity
    if reversal.is_full:  # all that is left
        for line_id, quantity in ordered.items():
            seats[line_id] = max(seats.get(line_id, 0), quantity - after.returned(line_id))
    # a store may give back more seats than it sold, or lines that no event spoke of: tell only of what was sold
    if after.lines:
        seats = {
            line_id: min(quantity, ordered[line_id] - after.returned(line_id))
            for line_id, quantity in seats.items() if line_id in after.lines
        }  # fmt: skip
    seats = {line_id: quantity for line_id, quantity in seats.items() if quantity > 0}
    after.refunds[reversal.refund_id] = seats
    is_full = reversal.is_full or (bool(after.lines) and bool(seats) and not after.is_left())
    after.is_full = after.is_full or is_full
    return {
        **head, "refund_id": reversal.refund_id, "refund_kind": reversal.kind, "is_full": is_full,
        "refunded_at": moment(reversal.at), "occurred_at": moment(now), "reason_code": reversal.reason_code,
        "access_hint": reversal.access_hint, "is_test": snapshot.is_test, "learner": _learner(Learner()),
        "lines": [_refund_line(line_id, quantity, ordered, after) for line_id, quantity in seats.items()],
    }  # fmt: skip


def _refund_line(line_id: str, quantity: int, ordered: Mapping[str, int], after: Emitted) -> Body:
    total = after.returned(line_id)
    known = after.lines.get(line_id, {})
    return {
        "line_id": line_id, "quantity": quantity, "refunded_total": total,
        "ordered_quantity": ordered.get(line_id, total), "course_key": known.get("course_key"),
        "mode": known.get("mode"),
    }  # fmt: skip


def _line(item: Item) -> Body:
    return {
        "line_id": item.line_id, "product_kind": item.product_kind, "course_key": item.course_key, "mode": item.mode,
        "sku": item.sku, "quantity": item.quantity, "credit_provider": item.credit_provider,
        "course_uuid": item.course_uuid, "beneficiary": _learner(item.beneficiary) if item.beneficiary else None,
    }  # fmt: skip


def _learner(learner: Learner) -> Body:
    return {
        "lms_user_id": learner.lms_user_id, "username": learner.username,
        "email": None if learner.lms_user_id else learner.email, "email_verified": learner.email_verified,
        "store_customer_id": learner.store_customer_id,
    }  # fmt: skip
