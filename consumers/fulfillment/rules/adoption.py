"""Enrollments that another system sold enter the ledger as they stand: nothing is enrolled, changed or told.

From then on a refund of that order takes them back, another purchase stands beside them, and the learner who leaves has
a refund requested, as if the order had been fulfilled here.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any

from .decision import Case, conclude
from .desired import access_of, held
from .seat import record
from .state import WHOLE_ORDER, Order, Pair, new_line

#: The content of an adopted line: only its course and mode are known, until its store speaks of it.
ADOPTED = b"adopted".ljust(32, b"\0")


def adopted(case: Case, data: dict[str, Any]) -> None:
    """Take lines over whose learner holds what they say: ``{"lines": [{line_id, lms_user_id, course_key, mode, …}]}``.

    What was refunded already, or is in the ledger, stays as it is. The enrollment stands on the order alone: where we
    knew nothing of it before, its base is none.
    """
    book = case.book
    order = book.orders.get(data["order_key"])
    if order is None:
        order = book.orders[data["order_key"]] = Order(data["order_key"])
    if WHOLE_ORDER in order.grants:
        return
    for line in data["lines"]:
        pair = Pair(line["lms_user_id"], line["course_key"])
        mode = held(book.seats[pair])
        if mode is None or mode != line["mode"] or line["line_id"] in order.grants:
            continue
        is_first = pair not in book.accesses
        access = access_of(case, pair)
        if is_first:
            access.base = None
        grant = new_line(order, line["line_id"])
        grant.content, grant.found, grant.quantity = ADOPTED, "lower", 1
        grant.course_key, grant.mode = line["course_key"], mode
        grant.paid_at = datetime.fromisoformat(line["paid_at"])
        record(access, grant)
        conclude(grant, "active", "completed", "ok", pair.lms_user_id, mode, mode)
