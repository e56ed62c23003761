"""From enrollments that another system sold to internal events that take them into the ledger.

The platform keeps of such an order what the other system wrote beside the enrollment: its number and date, and from
newer ones its id, its line and its name. A line without an id gets the key of its course for one, which is unique in an
order and which the adapter of that store gives its lines, too.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from commerce_events import topics
from commerce_events.bus import inbox, sql
from commerce_events.bus.clock import utc_now
from commerce_events.bus.types import FollowUp
from commerce_events.validation import LONGEST
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Bought, Gateway
from consumers.fulfillment.models import Grant
from consumers.fulfillment.rules.decide import ORDER_ADOPTED
from consumers.fulfillment.rules.state import Pair

#: Enrollments looked at in one step.
CHUNK = 500
#: What becomes of an enrollment, and what that means.
SAYS = {
    "adopted": "enter the ledger, dated by their order",
    "adopted without a date": "enter the ledger, dated by their enrollment: the order's date is missing or unreadable",
    "known": "their order is in the ledger already",
    "of another source": "sold by a system that is none of ours; --source adopts what names none",
    "not bought": "audit and honor seats: no order gives them",
    "unreadable": "an id of the order is empty or too long",
}
#: Modes that nobody pays for.
_FREE = ("audit", "honor")
_DATES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Step:
    """A chunk was looked at: how far it is (0 to 1), the last id, and how many became what."""

    done: float
    last_id: int
    counts: Counter[str]


def steps(gateway: Gateway, source: str, sources: Collection[str], after: int, is_dry: bool) -> Iterator[Step]:
    """Look at every enrollment that the platform knows an order of, by ascending id, and have them adopted.

    Arguments:
        source: of orders whose attributes name no system; a slug of the allow-list.
        sources: the allow-list.
        after: begin behind this id.
        is_dry: only count.
    """
    last = gateway.last_bought()
    while rows := gateway.bought(after, CHUNK):
        after = rows[-1].id
        yield Step(min(1.0, after / max(last, 1)), after, _chunk(rows, source, sources, is_dry))


def _chunk(rows: Collection[Bought], source: str, sources: Collection[str], is_dry: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    known = _known(rows)
    orders: dict[str, dict[str, Any]] = {}
    for row in rows:
        word, key, line = read(row, source, sources)
        if line is not None and (key, digests.of_pair(Pair(row.lms_user_id, row.course_key))) in known:
            word, line = "known", None
        counts[word] += 1
        if line is not None:
            number = row.order.get("order_number") or key.partition(":")[2]
            orders.setdefault(key, {"order_key": key, "order_number": number, "lines": []})["lines"].append(line)
    if orders and not is_dry:
        with transaction.atomic():
            events = [(inbox.stream_of(key), FollowUp(ORDER_ADOPTED, key, data)) for key, data in orders.items()]
            inbox.write(events, utc_now())
    return counts


def read(row: Bought, source: str, sources: Collection[str]) -> tuple[str, str, dict[str, Any] | None]:
    """What one enrollment says of its order: a word of :data:`SAYS`, the order's key, and the line if it is ours."""
    named = row.order.get("source_system") or source
    order_id = row.order.get("order_id") or row.order.get("order_number") or ""
    line_id = row.order.get("line_item_id") or row.course_key
    if row.mode in _FREE:
        return "not bought", "", None
    if named not in sources:
        return "of another source", "", None
    if not (0 < len(order_id) <= LONGEST["order_id"] and len(line_id) <= LONGEST["line_id"]):
        return "unreadable", "", None
    paid_at = _moment(row.order.get("date_placed", ""))
    line = {
        "line_id": line_id, "lms_user_id": row.lms_user_id, "course_key": row.course_key, "mode": row.mode,
        "paid_at": (paid_at or row.created or datetime.now(UTC)).isoformat(),
    }  # fmt: skip
    return "adopted" if paid_at else "adopted without a date", topics.order_key(named, order_id), line


def _known(rows: Collection[Bought]) -> set[tuple[str, bytes]]:
    pairs = {digests.of_pair(Pair(row.lms_user_id, row.course_key)) for row in rows}
    return {(key, bytes(pair)) for key, pair in sql.select(Grant, ("order_key", "pair"), "pair", sorted(pairs))}


def _moment(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
