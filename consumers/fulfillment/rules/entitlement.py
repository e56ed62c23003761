"""The entitlement: a right to one run of a course, which the learner chooses (R41).

Where the learner is enrolled in exactly one run that the entitlement could upgrade, there is nothing to choose: it is
spent on that run, and from then on the line is a grant like a seat's. Otherwise it waits on the platform to be spent.
Each order line is an entitlement of its own, so two orders never compete for one; the enrollment in a run they share
with everybody, and ``desired.py`` decides it.
"""
from __future__ import annotations

from typing import Any

from . import seat
from .checks import refusal
from .decision import Case, LineResult, acknowledge, conclude
from .desired import access_of, converge, held
from .state import ENTITLEMENT, Entitlement, EntitlementChange, EntitlementKey, Grant, Order, Pair
from .ungranted import learner_of, refuse, revoke_ungranted


def key_of(user: int, order_key: str, grant: Grant) -> EntitlementKey | None:
    """What the platform knows the line's entitlement by; None for another kind, or a line that names no course."""
    course_uuid = (grant.product or {}).get("course_uuid")
    if grant.product_kind != ENTITLEMENT or not course_uuid or not grant.mode:
        return None
    return EntitlementKey(user, course_uuid, grant.mode, order_key, grant.line_id)


def run_of(known: Entitlement) -> str:
    """The run it was spent on, or that it would be spent on; empty: the learner has to choose."""
    return known.run or (known.runs[0] if not known.exists and len(known.runs) == 1 else "")


def fulfil(case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
    """Create it, spent on the only run there is."""
    if not (grant.mode and grant.product and grant.product.get("course_uuid")):
        return refuse(grant, "failed", "unknown_product")
    user = learner_of(case, order, grant, who)
    if isinstance(user, LineResult):
        return user
    key = key_of(user, order.order_key, grant)
    known = case.book.entitlements.get(key) if key is not None else None
    if key is None or known is None:
        return refuse(grant, "failed", "unsupported_product", user)
    if key in case.book.refusals:
        grant.pair = Pair(user, "")
        return refuse(grant, "failed", case.book.refusals[key], user)
    result = _spent(case, grant, Pair(user, run_of(known))) if run_of(known) else None
    if result is None:
        result = _unspent(grant, user)
    if grant.state in ("active", "kept"):
        run = grant.course_key
        case.book.entitled[key] = EntitlementChange(key, True, run)
    return result


def _spent(case: Case, grant: Grant, pair: Pair) -> LineResult | None:
    """As a seat in a run; None if the run cannot be had: the entitlement then waits for another."""
    book = case.book
    course = book.courses[pair.course_key]
    if not course.exists:
        return None
    access = access_of(case, pair)
    before = held(book.seats[pair])
    if refusal(case, course, access, grant)[0]:
        return None
    seat.record(access, grant)
    grant.course_key = pair.course_key
    reason = seat.grant_it(case, access, grant, before)
    after, is_allowed = converge(case, access)
    if not is_allowed:
        access.grants.remove(grant)
        grant.found = ""
        return None
    outcome = "skipped" if reason == "refund_before_paid" else "completed"
    return conclude(grant, grant.state, outcome, reason, pair.lms_user_id, before, after)


def _unspent(grant: Grant, user: int) -> LineResult:
    grant.pair, grant.course_key = Pair(user, ""), ""
    if grant.is_reversed and grant.hint != "keep":
        return refuse(grant, "skipped", "refund_before_paid", user)
    grant.found = "lower"
    if grant.is_reversed:
        return conclude(grant, "kept", "completed", "access_kept", user)
    return conclude(grant, "active", "completed", "quantity_unsupported" if grant.quantity > 1 else "ok", user)


def revoke(case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
    """Expire it, and take back what it was spent on."""
    pair = grant.pair
    if not grant.found or pair is None:
        return revoke_ungranted(case, order, grant, refund_id, fulfil)
    key = key_of(pair.lms_user_id, order.order_key, grant)
    known = case.book.entitlements.get(key, Entitlement()) if key is not None else Entitlement()
    if grant.is_reversed and not pair.course_key and known.run and grant.hint != "keep":
        _follow(case, grant, Pair(pair.lms_user_id, known.run))
    if grant.course_key:
        result = seat.revoke(case, order, grant, refund_id)
    else:
        result = _revoke_unspent(grant, refund_id, known)
    if key is not None and grant.is_reversed and grant.hint != "keep" and grant.state in ("refunded", "overridden"):
        case.book.entitled[key] = EntitlementChange(key, False)
        if result.outcome == "retained" and not known.is_expired:
            # the enrollment may stay, by somebody else's word; the entitlement goes
            result.outcome = "revoked"
            result.reason_code = "other_grant" if result.reason_code == "other_grant" else "ok"
    return result


def _follow(case: Case, grant: Grant, pair: Pair) -> None:
    """The learner spent it meanwhile: the line becomes a grant there, and nothing is known below it to give back."""
    access = access_of(case, pair)
    if held(case.book.seats[pair]) is None:
        return
    seat.record(access, grant)
    grant.course_key = pair.course_key
    if grant.hint == "default":
        grant.hint = "deactivate"
    grant.dirty = True


def _revoke_unspent(grant: Grant, refund_id: str | None, known: Entitlement) -> LineResult:
    if not grant.is_reversed:
        return acknowledge(grant, refund_id, "retained", "quantity_remaining")
    grant.dirty = True
    if known.is_expired and grant.state == "active":
        grant.state = "overridden"  # somebody else, or its time, ended it
    if grant.state == "overridden":
        return acknowledge(grant, refund_id, "retained", "mode_changed_since")
    grant.state = "kept" if grant.hint == "keep" else "refunded"
    if grant.state == "kept":
        return acknowledge(grant, refund_id, "retained", "access_kept")
    return acknowledge(grant, refund_id, "revoked", "ok")
