"""Lines that give nothing: they wait for a learner, are held for a person, or failed – and their refunds (R3–R6, R18b).

Shared by the modules of products, a site's own included: who a line is for, and how one that cannot be carried out
ends, is the same for a seat, an entitlement or a webinar.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .decision import Alarm, Case, LineResult, Timer, acknowledge, conclude
from .desired import held
from .state import Grant, Order

#: What a learner that cannot be served means for the line: (reason, state).
_WITHOUT_LEARNER = {
    "unidentified": ("learner_unidentified", "failed"),
    "conflict": ("identity_conflict", "failed"),
    "inactive": ("account_not_active", "waiting"),
    "unknown": ("learner_not_found", "waiting"),
    "retired": ("learner_retired", "failed"),
}
_OUTCOME = {"failed": "failed", "held": "deferred", "waiting": "deferred"}

Fulfil = Callable[[Case, Order, Grant, dict[str, Any]], LineResult]


def learner_of(case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> int | LineResult:
    """The one account that a line is for, or the line's result if there is none (R3–R6).

    A name or e-mail that matches nobody beside a valid id is served, and said: the store has old data.
    """
    learner = case.learners(who)
    if learner.status == "found" and learner.lms_user_id is not None:
        for name in learner.stale:
            case.decision.alarms.append(Alarm(f"stale_{name}", order.order_key, grant.line_id))
        return learner.lms_user_id
    reason, state = _WITHOUT_LEARNER[learner.status]
    if state == "waiting" and not grant.is_reversed:
        if grant.state != "waiting":
            case.decision.timers.append(Timer(case.now + case.policy.waiting, grant.line_id))
        grant.learner = who
    return refuse(grant, state, reason)


def refuse(grant: Grant, state: str, reason: str, user: int | None = None, before: str | None = None,
           after: str | None = None) -> LineResult:
    """Not granted: nothing of this line counts. After a refund there is nothing left to fail or to wait for."""
    if grant.is_reversed:
        return conclude(grant, "skipped", "skipped", "refund_before_paid", user, before, after)
    return conclude(grant, state, _OUTCOME[state], reason, user, before, after)


def revoke_ungranted(case: Case, order: Order, grant: Grant, refund_id: str | None, fulfil: Fulfil) -> LineResult:
    """The refund of a line that gave nothing: failed, waiting, held before it was granted, or skipped (R18b).

    Arguments:
        fulfil: how the line's own module would fulfil it.
    """
    if not grant.is_reversed:
        return acknowledge(grant, refund_id, "retained", "quantity_remaining", *_found(case, grant))
    if grant.state in ("waiting", "held"):
        # The wait ends. The line is decided once more, because what it waited for may have come just before: the
        # refund must then do what it does to a granted line. The store gets the line's last word, too.
        case.decision.lines.append(fulfil(case, order, grant, grant.learner or {"lms_user_id": _user(grant)}))
        if grant.state == "kept":
            return acknowledge(grant, refund_id, "retained", "access_kept", *_found(case, grant))
    grant.dirty = True
    reason = grant.reason if grant.outcome == "skipped" else "refund_before_paid"
    grant.state = "skipped"
    return acknowledge(grant, refund_id, "skipped", reason, *_found(case, grant))


def _user(grant: Grant) -> int | None:
    return grant.pair.lms_user_id if grant.pair is not None else None


def _found(case: Case, grant: Grant) -> tuple[str | None, str | None]:
    """Before and after of a line that changes nothing."""
    seat = held(case.book.seats.get(grant.pair)) if grant.pair is not None else None
    return seat, seat
