"""The course seat: how a line becomes a grant, and what a refund makes of it (R3–R31 as far as one line goes).

A module in the sense of ``decision.Module``: two functions, ``fulfil`` and ``revoke``.
"""
from __future__ import annotations

from typing import Any

from .checks import HELD, refusal
from .decision import Case, LineResult, Timer, acknowledge, conclude
from .desired import access_of, converge, desired, held
from .state import Access, Grant, Order, Pair

#: What a learner that cannot be enrolled means for the line: (reason, state).
_WITHOUT_LEARNER = {
    "unidentified": ("learner_unidentified", "failed"),
    "conflict": ("identity_conflict", "failed"),
    "inactive": ("account_not_active", "waiting"),
    "unknown": ("learner_not_found", "waiting"),
    "retired": ("learner_retired", "failed"),
}
_OUTCOME = {"failed": "failed", "held": "deferred", "waiting": "deferred"}


def fulfil(case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
    """Decide a seat: a new line, one that waited or was held, or one that was refunded before it was paid.

    A reversed line takes the same way up to the point where it would be granted: only then does its refund count in
    the desired enrollment, exactly as if the two had arrived in order (R18).
    """
    book = case.book
    learner = case.learners(who)
    user = learner.lms_user_id
    if learner.status != "found" or user is None:
        reason, state = _WITHOUT_LEARNER[learner.status]
        return _without(case, grant, who, state, reason)
    course = book.courses[grant.course_key]
    pair = Pair(user, grant.course_key)
    if not course.exists or not course.key_is_valid:
        grant.pair = pair
        reason = "course_not_found" if course.key_is_valid else "course_key_invalid"
        return _refuse(grant, "failed", reason, user, None, None)

    access = access_of(case, pair)
    before = held(book.seats[pair])
    if grant.pair is None or grant not in access.grants:
        grant.pair = pair
        access.grants.append(grant)
    reason, is_held = refusal(case, course, access, grant)
    if reason:
        after, _ = converge(case, access)
        return _refuse(grant, "held" if is_held else "failed", reason, user, before, after)

    reason = _grant_it(case, access, grant, before)
    after, is_allowed = converge(case, access)
    if not is_allowed and reason != "refund_before_paid":
        grant.found = ""
        refused = book.refusals[pair]
        return _refuse(grant, "held" if refused in HELD else "failed", refused, user, before, before)
    if reason == "refund_before_paid":
        return conclude(grant, "skipped", "skipped", reason, user, before, after)
    return conclude(grant, grant.state, "completed", reason, user, before, after)


def _grant_it(case: Case, access: Access, grant: Grant, before: str | None) -> str:
    """Record the grant and find the word for it: R7–R11, R17, or what its refund left of it (R18)."""
    worth = case.policy.worth
    mode = grant.mode
    if before is None or worth.get(before, 0) < worth[mode]:
        grant.found = "lower"
    else:
        grant.found = "same" if before == mode else "better"
    if grant.is_reversed:
        # Kept access is access: the learner ends enrolled, whether the refund came first or last.
        grant.state = "kept" if grant.hint == "keep" else "skipped"
        return "access_kept" if grant.state == "kept" else "refund_before_paid"
    grant.state = "active"
    for other in access.grants:
        if other is not grant and other.mode == mode and other.is_live:
            return "duplicate_purchase"
    if grant.found == "better":
        return "better_mode_held"
    if grant.found == "same":
        return "already_enrolled"
    return "quantity_unsupported" if grant.quantity > 1 else "ok"


def _without(case: Case, grant: Grant, who: dict[str, Any], state: str, reason: str) -> LineResult:
    """No learner: wait with the paid mode (R4, R5), or fail; a refunded line does neither."""
    if state == "waiting" and not grant.is_reversed:
        if grant.state != "waiting":
            case.decision.timers.append(Timer(case.now + case.policy.waiting, grant.line_id))
        grant.learner = who
    return _refuse(grant, state, reason, None, None, None)


def _refuse(grant: Grant, state: str, reason: str, user: int | None,
            before: str | None, after: str | None) -> LineResult:
    """Not granted: nothing of this line counts. After a refund there is nothing left to fail or to wait for."""
    if grant.is_reversed:
        return conclude(grant, "skipped", "skipped", "refund_before_paid", user, before, after)
    return conclude(grant, state, _OUTCOME[state], reason, user, before, after)


def revoke(case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
    """Decide what a refund, already folded into the grant, does to the seat.

    Precedence: R18b, R20, then R30, R23, R22, R9 and R11, R24, R25.
    """
    if not grant.found:
        return _revoke_ungranted(case, order, grant, refund_id)
    pair = grant.pair
    assert pair is not None  # a grant that was found has been found somewhere
    access = access_of(case, pair)
    before = held(case.book.seats[pair])
    was_skipped = grant.state == "skipped"
    if grant.state in ("overridden", "released") or not grant.is_reversed:
        after, _ = converge(case, access)
        if not grant.is_reversed:
            return acknowledge(grant, refund_id, "retained", "quantity_remaining", before, after)
        if grant.state == "released":
            return acknowledge(grant, refund_id, "revoked", "ok", before, after)
        return acknowledge(grant, refund_id, "retained", "mode_changed_since", before, after)

    previous = grant.state
    grant.state = "skipped" if was_skipped else "kept" if grant.hint == "keep" else "refunded"
    grant.dirty = True
    others = any(other.is_live for other in access.grants)
    if not others and not was_skipped and _certificate_stands(case, access, grant, before):
        if case.policy.certificate_policy == "hold":
            grant.state = "held"
            return acknowledge(grant, refund_id, "deferred", "certificate_issued", before, before)
        grant.state = "kept"
        after, _ = converge(case, access)
        return acknowledge(grant, refund_id, "retained", "certificate_issued", before, after)
    after, is_allowed = converge(case, access)
    if not is_allowed:
        grant.state = previous if was_skipped else "held"
        return acknowledge(grant, refund_id, "deferred", case.book.refusals[pair], before, before)
    outcome, reason = _word(grant, before, after, others)
    return acknowledge(grant, refund_id, outcome, reason, before, after)


def _certificate_stands(case: Case, access: Access, grant: Grant, before: str | None) -> bool:
    """Whether a certificate was earned that this refund would leave without its enrollment (R24, R32)."""
    policy = case.policy
    if access.pair not in case.book.certified or policy.certificate_policy == "revoke" or case.is_approved:
        return False
    if grant.chargeback and not policy.chargeback_certificate_hold:
        return False
    return desired(access, case.book.courses[access.pair.course_key].modes, policy.worth) != before


def _word(grant: Grant, before: str | None, after: str | None, others: bool) -> tuple[str, str]:
    """Outcome and reason of a refund that was carried out: R22, R9 and R11, R25."""
    if grant.state == "skipped":
        return "skipped", "refund_before_paid"
    if others:
        return ("retained" if before == after else "revoked"), "other_grant"
    if before == after and before is not None:
        if grant.found == "same":
            return "retained", "already_enrolled"
        if grant.found == "better":
            return "retained", "better_mode_held"
    if grant.state == "kept":
        return "retained", "access_kept"
    return "revoked", "ok"


def _revoke_ungranted(case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
    """The refund of a line that gave nothing: failed, waiting, held before it was granted, or skipped (R18b)."""
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
