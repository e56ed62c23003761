"""An order was reversed, in whole or in part: fold what the refund says into the ledger, then decide each line.

Folding commutes: totals merge by max, flags by or, access policies by the strictest. So late, repeated and reordered
refunds end alike (R28), and a refund may come before its order was paid (R18).
"""
from __future__ import annotations

from typing import Any

from . import seat, unknown
from .decision import Case, LineResult
from .policy import strictest
from .purchase import gate, module_of
from .state import WHOLE_ORDER, Grant, Order, new_line


def refunded(case: Case, data: dict[str, Any]) -> None:
    """Decide a ``RefundData``."""
    results = case.decision.lines
    lines = {line["line_id"]: line for line in data["lines"]}
    refund_id = data["refund_id"]
    outcome, reason = gate(case, data)
    if outcome:
        results.extend(_refused(refund_id, line_id, line, outcome, reason) for line_id, line in lines.items())
        if not lines:
            results.append(_of_the_order(refund_id, outcome, reason))
        return

    order = case.book.orders.get(data["order_key"])
    if order is None:
        order = case.book.orders[data["order_key"]] = Order(data["order_key"])
    hint = case.policy.hint(data["source"], data["access_hint"])
    is_whole = data["is_full"] or data["refund_kind"] == "chargeback"
    is_known = any(grant.content for grant in order.grants.values())
    targets = list(lines)
    if is_whole:
        order.closed = order.dirty = True
        new_line(order, WHOLE_ORDER)
        targets += [line_id for line_id in order.grants if line_id not in lines and line_id != WHOLE_ORDER]
    for line_id in targets:
        new_line(order, line_id)
    for line_id in [*targets, WHOLE_ORDER] if is_whole else targets:
        _fold(order.grants[line_id], lines.get(line_id), is_whole, data["refund_kind"] == "chargeback", hint)

    for line_id in targets:
        grant = order.grants[line_id]
        if grant.content:
            results.append((module_of(case, grant.product_kind) or seat).revoke(case, order, grant, refund_id))
        else:
            results.append(unknown.revoke(case, grant, lines.get(line_id), data))
    if not targets:
        retained = "amount_only_refund" if is_known and not is_whole else "grant_not_found"
        results.append(_of_the_order(refund_id, "retained", retained))


def _fold(grant: Grant, line: dict[str, Any] | None, is_full: bool, chargeback: bool, hint: str) -> None:
    """Merge one refund into one line. Every step is idempotent and commutes with itself."""
    if line is not None:
        grant.refunded_total = max(grant.refunded_total, line["refunded_total"])
        grant.ordered_quantity = max(grant.ordered_quantity, line["ordered_quantity"])
    grant.is_full = grant.is_full or is_full
    grant.chargeback = grant.chargeback or chargeback
    grant.hint = strictest(grant.hint, hint)
    grant.dirty = True


def _refused(refund_id: str, line_id: str, line: dict[str, Any], outcome: str, reason: str) -> LineResult:
    return LineResult(line_id, refund_id, "revoke", outcome, reason, True, None, line.get("course_key"),
                      quantity=line["quantity"])


def _of_the_order(refund_id: str, outcome: str, reason: str) -> LineResult:
    return LineResult(None, refund_id, "revoke", outcome, reason, True)
