"""An order was paid: which of its lines are new, which changed, and what each becomes."""
from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from . import entitlement, nothing, seat
from .adoption import ADOPTED
from .decision import Alarm, Case, LineResult, Module, conclude
from .desired import held
from .state import COURSELESS, ENTITLEMENT, Grant, Order, new_line
from .ungranted import refuse

#: Product kinds served here; a site adds its own by ``Policy.modules``.
MODULES: dict[str, Module] = {"course_seat": seat, ENTITLEMENT: entitlement, "donation": nothing, "other": nothing}
#: What the ledger keeps of a line for its module, beside course and mode. A seat's SKU has become course and mode.
_SEATS_PRODUCT = ("credit_provider",)
_PRODUCT = ("sku", "credit_provider", "course_uuid")


def module_of(case: Case, product_kind: str) -> Module | None:
    """The module that serves a kind of product, if any."""
    return case.policy.modules.get(product_kind) or MODULES.get(product_kind)


def content_digest(line: dict[str, Any]) -> bytes:
    """What may never change of a line, as 32 bytes. The buyer is not part of it: the resolved user is compared."""
    return _digest(
        line["product_kind"], line.get("course_key"), line.get("mode"), line.get("sku"), line["quantity"],
        line.get("credit_provider"), line.get("course_uuid"), line.get("beneficiary") is not None)


@lru_cache(maxsize=4096)  # a store sells few products many times
def _digest(*content: Any) -> bytes:
    return sha256(orjson.dumps(content)).digest()


def gate(case: Case, data: dict[str, Any]) -> tuple[str, str]:
    """Whether an event is to be acted on at all: outcome and reason of the refusal, or two empty words (R36, R37)."""
    source = case.policy.sources.get(data["source"])
    if data["is_test"] and (source is None or not source.allow_test):
        return "skipped", "test_order"
    if source is None:
        case.decision.alarms.append(Alarm("source_not_allowed", data["order_key"], None))
        return "failed", "source_not_allowed"
    return "", ""


def paid(case: Case, data: dict[str, Any]) -> None:
    """Decide an ``OrderData``: unseen lines act, seen ones are silent unless they changed (R2)."""
    order = case.book.orders.get(data["order_key"])
    if order is None:
        order = case.book.orders[data["order_key"]] = Order(data["order_key"])
    if data["revision"] > order.revision:
        order.revision = data["revision"]
        order.dirty = True
    outcome, reason = gate(case, data)
    paid_at = datetime.fromisoformat(data["paid_at"])
    results = case.decision.lines
    for line in data["lines"]:
        who = line.get("beneficiary") or data["learner"]
        grant = order.grants.get(line["line_id"])
        content = content_digest(line)
        if grant is not None and grant.content:
            _seen(case, order, grant, content, line, who)
            continue
        if grant is None:
            grant = new_line(order, line["line_id"])
        grant.content = content
        grant.product_kind = line["product_kind"]
        grant.quantity = line["quantity"]
        grant.paid_at = paid_at
        if outcome:
            grant.course_key, grant.mode = line.get("course_key") or "", line.get("mode") or ""
            results.append(conclude(grant, outcome, outcome, reason))
        else:
            results.append(_decide(case, order, grant, line, who))


def _decide(case: Case, order: Order, grant: Grant, line: dict[str, Any], who: dict[str, Any]) -> LineResult:
    """A line as the store sent it: note the product, then ask its module."""
    kind = grant.product_kind
    grant.course_key, grant.mode = _product(case, line)
    kept = _SEATS_PRODUCT if kind == "course_seat" else _PRODUCT
    grant.product = {name: line[name] for name in kept if line.get(name)} or None
    module = module_of(case, kind)
    if module is None:
        return refuse(grant, "failed", "unsupported_product")
    return module.fulfil(case, order, grant, who)


def _product(case: Case, line: dict[str, Any]) -> tuple[str, str]:
    """Course and mode of a line; empty what is not known."""
    course_key, mode = line.get("course_key"), line.get("mode")
    if not (course_key and mode) and line.get("sku") and line["product_kind"] not in COURSELESS:
        course_key, mode = case.book.skus[line["sku"]] or (course_key, mode)
    return course_key or "", mode or ""


def _seen(case: Case, order: Order, grant: Grant, content: bytes, line: dict[str, Any], who: dict[str, Any]) -> None:
    """A line decided before: silent if it is the same, never applied again if it changed.

    The buyer may be named better than before while the line waits: it is then decided with what is known now. Of an
    adopted line its store speaks for the first time: it is told what the learner has, if it is what was adopted.
    """
    if grant.content == ADOPTED and grant.pair is not None:
        learner = case.learners(who)
        if _product(case, line) == (grant.course_key, grant.mode) and learner.lms_user_id == grant.pair.lms_user_id:
            grant.content, grant.quantity, grant.dirty = content, line["quantity"], True
            case.decision.lines.append(_repeat(case, grant, grant.reason))
            return
    if content == grant.content:
        if grant.state == "waiting":
            if line.get("beneficiary") is None or who == grant.learner:
                again(case, order, grant, who)
                return
        else:
            if grant.pair is None:
                return
            learner = case.learners(who)
            if learner.status != "found" or learner.lms_user_id == grant.pair.lms_user_id:
                return
    case.decision.lines.append(_repeat(case, grant))
    case.decision.alarms.append(Alarm("line_changed", order.order_key, grant.line_id))


def _repeat(case: Case, grant: Grant, reason: str = "line_changed") -> LineResult:
    """The last outcome once more, with the reason why the new content was not applied; the ledger stays as it is."""
    pair = grant.pair
    mode = held(case.book.seats.get(pair)) if pair is not None else None
    return LineResult(grant.line_id, None, "fulfill", grant.outcome, reason, grant.outcome != "deferred",
                      pair.lms_user_id if pair is not None else None, grant.course_key or None, mode, mode,
                      mode is not None, grant.quantity, grant.seats_used)


def again(case: Case, order: Order, grant: Grant, who: dict[str, Any], line: dict[str, Any] | None = None) -> None:
    """Decide a line once more, from the ledger or from the stored line. The same answer is not told again."""
    module = module_of(case, grant.product_kind)
    if module is None:
        return
    told = grant.outcome, grant.reason
    result = _decide(case, order, grant, line, who) if line is not None else module.fulfil(case, order, grant, who)
    if (result.outcome, result.reason_code) != told:
        case.decision.lines.append(result)
