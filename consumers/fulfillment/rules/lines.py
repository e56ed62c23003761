"""What happens to lines between the store's events: they resume, expire, are discarded, or their learner leaves.

The events behind these are internal: rows that a signal receiver, a timer or a person at the console put into the
inbox. Their data is ``{"order_key": …, "line_ids": [...]}``; without ``line_ids`` every line of the order is meant.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import seat
from .decision import Case, RefundRequest, acknowledge, conclude
from .desired import access_of, converge, held
from .purchase import again, content_digest, module_of
from .state import ENTITLEMENT, WHOLE_ORDER, Grant, Order


def _chosen(case: Case, data: dict[str, Any]) -> Iterator[tuple[Order, Grant]]:
    order = case.book.orders.get(data["order_key"])
    if order is None:
        return
    line_ids = data.get("line_ids")
    for line_id, grant in order.grants.items():
        if line_id != WHOLE_ORDER and grant.content and (line_ids is None or line_id in line_ids):
            yield order, grant


def resumed(case: Case, data: dict[str, Any]) -> None:
    """Decide again what waits for an account (R4, R5) or was held, and by ``is_retry`` what failed (R15).

    The ledger forgets who a failed line was for: a retry brings the stored ``order`` (an ``OrderData``) along. A person
    who retries a held refund (R24) sends the ``refund_id`` it was held under, and ``is_approved`` to carry it out.
    """
    if data["order_key"].partition(":")[0] not in case.policy.sources:
        return  # R37 holds for a retry, too
    case.is_approved = bool(data.get("is_approved"))
    paid = data.get("order") or {"lines": ()}
    for order, grant in _chosen(case, data):
        is_pending = grant.state in ("waiting", "held") and not grant.found
        if is_pending or (grant.state == "failed" and data.get("is_retry")):
            line = next((line for line in paid["lines"] if line["line_id"] == grant.line_id
                         and content_digest(line) == grant.content), None)  # a changed line is never applied (R2)
            if line is not None:
                again(case, order, grant, line.get("beneficiary") or paid["learner"], line)
            else:
                who = grant.learner or data.get("learner") or _user(grant)
                if who is not None:
                    again(case, order, grant, who)
        elif "refund_id" in data and grant.found and grant.is_reversed and grant.state not in ("kept", "released"):
            module = module_of(case, grant.product_kind) or seat
            case.decision.lines.append(module.revoke(case, order, grant, data["refund_id"]))


def expired(case: Case, data: dict[str, Any]) -> None:
    """The wait was long enough (R5): one last look, then the line fails with the reason it waited for."""
    for order, grant in _chosen(case, data):
        module = module_of(case, grant.product_kind)
        if grant.state != "waiting" or module is None:
            continue
        result = module.fulfil(case, order, grant, grant.learner or {})
        if grant.state == "waiting":
            result = conclude(grant, "failed", "failed", grant.reason)
        case.decision.lines.append(result)


def discarded(case: Case, data: dict[str, Any]) -> None:
    """A person gives a line up: it ends as failed, or, if its refund was held, keeps its access."""
    for _, grant in _chosen(case, data):
        if grant.state in ("waiting", "held") and not grant.found:
            user = grant.pair.lms_user_id if grant.pair is not None else None
            case.decision.lines.append(conclude(grant, "failed", "failed", "discarded", user))
        elif _refund_was_held(grant, data) and grant.pair is not None and grant.pair.course_key:
            if grant.state == "held":
                grant.state = "kept"
                grant.dirty = True
            access = access_of(case, grant.pair)
            before = held(case.book.seats[grant.pair])
            after, _ = converge(case, access)
            case.decision.lines.append(
                acknowledge(grant, data.get("refund_id"), "retained", "discarded", before, after))


def left(case: Case, data: dict[str, Any]) -> None:
    """The learner unenrolled in the LMS (R29): the grant is released and the store is asked for a refund.

    A learner who is enrolled exactly as we set it has come back or never left: nothing is released then. Who leaves a
    run keeps the entitlement it was had by, and may spend it on another.
    """
    for _, grant in _chosen(case, data):
        pair = grant.pair
        if pair is None or not grant.found or grant.is_reversed or grant.product_kind == ENTITLEMENT:
            continue
        if (pair.lms_user_id, pair.course_key) != (data["lms_user_id"], data["course_key"]):
            continue
        access_of(case, pair)  # notices the change, which overrides the grant
        if grant.state != "overridden":
            continue
        mode = held(case.book.seats[pair])
        case.decision.lines.append(
            conclude(grant, "released", "completed", "released_by_learner", pair.lms_user_id, mode, mode))
        case.decision.requests.append(
            RefundRequest(grant.line_id, pair.lms_user_id, pair.course_key, grant.mode, data["initiator"]))


def _refund_was_held(grant: Grant, data: dict[str, Any]) -> bool:
    """Whether a person may speak of the refund; who changed the enrollment meanwhile took it out of our hands."""
    return bool(grant.found) and grant.is_reversed and grant.state in ("held", "overridden") and "refund_id" in data


def _user(grant: Grant) -> dict[str, Any] | None:
    return {"lms_user_id": grant.pair.lms_user_id} if grant.pair is not None else None
