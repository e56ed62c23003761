"""What the rules answer, and what they are given: the vocabulary shared by every rule module.

A ``Case`` is everything one event is decided on. A ``Decision`` is the answer: one ``LineResult`` per line that has
something new to say, alarms for people, timers and refund requests; changes of the ledger are made on the book itself.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from .policy import Policy
from .state import Book, Grant, Learner, Order

#: How ``LearnerData`` becomes a learner; the caller resolves in bulk beforehand and answers from memory.
Learners = Callable[[dict[str, Any]], Learner]


@dataclass(slots=True)
class LineResult:
    """One result, as ``FulfillmentData`` tells it to the store; without ``line_id`` it speaks of the order as such."""

    line_id: str | None
    refund_id: str | None
    action: str  # fulfill revoke
    outcome: str  # completed deferred failed skipped revoked retained
    reason_code: str
    is_final: bool
    lms_user_id: int | None = None
    course_key: str | None = None
    mode_before: str | None = None  # None: no enrollment or an inactive one
    mode_after: str | None = None
    is_active_after: bool = False
    quantity: int = 0
    seats_used: int = 0
    next_retry_at: datetime | None = None


class Alarm(NamedTuple):
    """Something a person should look at although the event was decided."""

    reason_code: str
    order_key: str
    line_id: str | None


class Timer(NamedTuple):
    """Ask again at ``due_at``: the caller inserts an event ``LINES_EXPIRED`` for the line."""

    due_at: datetime
    line_id: str


class RefundRequest(NamedTuple):
    """The learner left: the store decides about money (``RefundRequestData``)."""

    line_id: str
    lms_user_id: int
    course_key: str
    mode: str
    initiator: str  # learner staff


@dataclass(slots=True)
class Decision:
    """The answer to one event."""

    lines: list[LineResult] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    requests: list[RefundRequest] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    """Everything one event is decided on; rule modules write to ``book`` and ``decision`` and to nothing else."""

    book: Book
    learners: Learners
    policy: Policy
    now: datetime
    decision: Decision = field(default_factory=Decision)
    is_approved: bool = False  # a person approved what was held (R24)


class Module(Protocol):
    """How one kind of product is fulfilled and revoked. Pure: it changes the book, the gateway executes.

    ``grant`` is filled and folded when a module sees it: content, quantity, refunded_total, is_full, hint.
    """

    def fulfil(self, case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
        """Decide a line that is new, or that waited or was held. Sets state, outcome and reason of the grant."""
        ...

    def revoke(self, case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
        """Decide what a refund does to a line that was paid. The refund is already folded into the grant."""
        ...


def conclude(grant: Grant, state: str, outcome: str, reason: str, user: int | None = None,
             before: str | None = None, after: str | None = None) -> LineResult:
    """Write the last word on (line, fulfill) into the grant and tell it."""
    grant.state = state
    grant.outcome = outcome
    grant.reason = reason
    grant.dirty = True
    if state != "waiting":
        grant.learner = None
    completed = outcome == "completed"
    grant.seats_used = 1 if completed else 0
    return LineResult(grant.line_id, None, "fulfill", outcome, reason, outcome != "deferred", user,
                      grant.course_key or None, before, after, after is not None, grant.quantity, grant.seats_used)


def acknowledge(grant: Grant, refund_id: str | None, outcome: str, reason: str,
                before: str | None = None, after: str | None = None) -> LineResult:
    """Tell what a refund did to a line. The caller has set the grant's state."""
    pair = grant.pair
    return LineResult(grant.line_id, refund_id, "revoke", outcome, reason, outcome != "deferred",
                      pair.lms_user_id if pair is not None else None, grant.course_key or None, before, after,
                      after is not None, grant.quantity or grant.ordered_quantity, 1 if grant.is_live else 0)
