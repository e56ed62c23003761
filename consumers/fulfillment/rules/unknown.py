"""The refund of a line that nobody has paid for here: a tombstone, and by the site's choice more (R18, R31)."""
from __future__ import annotations

from typing import Any

from .decision import Case, LineResult, acknowledge
from .desired import access_of, converge, held
from .seat import may_hold
from .state import Grant, Pair


def revoke(case: Case, grant: Grant, line: dict[str, Any] | None, data: dict[str, Any]) -> LineResult:
    """Report that there is no grant; the tombstone stays and keeps the line from ever being fulfilled.

    A site that moves from an older system may let such refunds act, if the learner holds just what the event names.
    """
    refund_id = data["refund_id"]
    if case.policy.revoke_unknown_grants and not grant.found and line is not None and line.get("course_key"):
        result = _revoke_named(case, grant, line, data)
        if result is not None:
            return result
    return acknowledge(grant, refund_id, "retained", "grant_not_found")


def _revoke_named(case: Case, grant: Grant, line: dict[str, Any], data: dict[str, Any]) -> LineResult | None:
    """Treat the enrollment as if this line had given it. None: it is not what the refund speaks of."""
    learner = case.learners(data["learner"])
    user = learner.lms_user_id if learner.status == "found" else None  # an e-mail alone may prove nothing (R4)
    is_reversed = grant.is_full or grant.refunded_total >= grant.ordered_quantity
    if user is None or not is_reversed or not case.book.courses[line["course_key"]].exists:
        return None
    pair = Pair(user, line["course_key"])
    access = access_of(case, pair)
    before = held(case.book.seats[pair])
    if before is None or before != line.get("mode") or any(other.is_live for other in access.grants):
        return None
    grant.pair, grant.course_key, grant.mode = pair, pair.course_key, before
    if may_hold(case, pair, grant):
        return acknowledge(grant, data["refund_id"], "retained", "certificate_issued", before, before)
    grant.quantity = grant.ordered_quantity
    grant.found = "lower"
    if grant.hint == "default":
        grant.hint = "deactivate"  # nobody knows what the older system found, so there is nothing to give back
    grant.state = "kept" if grant.hint == "keep" else "refunded"
    access.grants.append(grant)
    after, is_allowed = converge(case, access)
    if not is_allowed:
        access.grants.remove(grant)
        grant.pair, grant.found, grant.state = None, "", "refunded"
        return None
    if after == before:
        return acknowledge(grant, data["refund_id"], "retained", "access_kept", before, after)
    return acknowledge(grant, data["refund_id"], "revoked", "grant_not_found", before, after)
