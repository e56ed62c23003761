"""The course seat: how a line becomes a grant, and what a refund makes of it (R3–R31 as far as one line goes).

A module in the sense of ``decision.Module``: two functions, ``fulfil`` and ``revoke``.
"""
from __future__ import annotations

from typing import Any

from .checks import HELD, refusal
from .decision import Case, LineResult, acknowledge, conclude
from .desired import access_of, converge, desired, held
from .state import Access, Grant, Order, Pair
from .ungranted import learner_of, refuse, revoke_ungranted


def fulfil(case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
    """Decide a seat: a new line, one that waited or was held, or one that was refunded before it was paid.

    A reversed line takes the same way up to the point where it would be granted: only then does its refund count in
    the desired enrollment, exactly as if the two had arrived in order (R18).
    """
    if not (grant.course_key and grant.mode):
        return refuse(grant, "failed", "unknown_product")
    if grant.mode == "credit" and not (grant.product or {}).get("credit_provider"):
        return refuse(grant, "failed", "credit_provider_missing")
    user = learner_of(case, order, grant, who)
    if isinstance(user, LineResult):
        return user
    book = case.book
    course = book.courses[grant.course_key]
    pair = Pair(user, grant.course_key)
    if not course.exists or not course.key_is_valid:
        grant.pair = pair
        reason = "course_not_found" if course.key_is_valid else "course_key_invalid"
        return refuse(grant, "failed", "learner_embargoed" if pair in book.embargoed else reason, user)

    access = access_of(case, pair)
    before = held(book.seats[pair])
    record(access, grant)
    reason, is_held = refusal(case, course, access, grant)
    if reason:
        after, _ = converge(case, access)
        return refuse(grant, "held" if is_held else "failed", reason, user, before, after)

    reason = grant_it(case, access, grant, before)
    after, is_allowed = converge(case, access)
    if not is_allowed and reason != "refund_before_paid":
        grant.found = ""
        refused = book.refusals[pair]
        return refuse(grant, "held" if refused in HELD else "failed", refused, user, before, before)
    if reason == "refund_before_paid":
        return conclude(grant, "skipped", "skipped", reason, user, before, after)
    return conclude(grant, grant.state, "completed", reason, user, before, after)


def record(access: Access, grant: Grant) -> None:
    """Note that the line is about this learner in this course; whether it gives anything is decided next."""
    if grant.pair != access.pair or grant not in access.grants:
        grant.pair = access.pair
        access.grants.append(grant)


def grant_it(case: Case, access: Access, grant: Grant, before: str | None) -> str:
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


def revoke(case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
    """Decide what a refund, already folded into the grant, does to the seat.

    Precedence: R18b, R20, then R30, R23, R22, R9 and R11, R24, R25.
    """
    if not grant.found:
        return revoke_ungranted(case, order, grant, refund_id, fulfil)
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
    is_gone = previous in ("skipped", "refunded")  # it gives nothing any more: only its hint may have become stricter
    if not others and not is_gone and _certificate_stands(case, access, grant, before):
        if case.policy.certificate_policy == "hold":
            grant.state = "held"
            return acknowledge(grant, refund_id, "deferred", "certificate_issued", before, before)
        grant.state = "kept"
        after, _ = converge(case, access)
        return acknowledge(grant, refund_id, "retained", "certificate_issued", before, after)
    after, is_allowed = converge(case, access)
    if not is_allowed:
        grant.state = previous if is_gone else "held"
        return acknowledge(grant, refund_id, "deferred", case.book.refusals[pair], before, before)
    outcome, reason = _word(grant, before, after, others)
    return acknowledge(grant, refund_id, outcome, reason, before, after)


def may_hold(case: Case, pair: Pair, grant: Grant) -> bool:
    """Whether a certificate was earned that this refund may not touch by itself (R24, R32)."""
    policy = case.policy
    if pair not in case.book.certified or policy.certificate_policy == "revoke" or case.is_approved:
        return False
    return not grant.chargeback or policy.chargeback_certificate_hold


def _certificate_stands(case: Case, access: Access, grant: Grant, before: str | None) -> bool:
    """Whether this refund would leave a certificate without its enrollment."""
    if not may_hold(case, access.pair, grant):
        return False
    return desired(access, case.book.courses[access.pair.course_key].modes, case.policy.worth) != before


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
