"""Which lines of an order its money covers, and since when. Pure.

An order may grow after it was paid: staff add a line, and money for it comes later, or never. So an order is paid in
one step or several, each of which is told as what it was then; a picture that shows them all tells what many told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from commerce_events.stores.saleor.money import NOTHING

NEVER = datetime.max.replace(tzinfo=UTC)
Covering = Iterable[tuple[datetime, Decimal]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its price. ``added``: when staff put it into the order; None: it was there from the beginning."""

    id: str
    price: Decimal
    added: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """The lines that are paid from then on."""

    at: datetime
    lines: frozenset[str]


def payments(lines: Sequence[Line], total: Decimal, placed: datetime | None, covering: Covering) -> list[Payment]:
    """The steps in which the order was paid.

    Arguments:
        total: with all lines, as it is now.
        placed: since when the order counts if nothing is due; None: it does not yet.
        covering: how much of it was covered, and since when.
    """
    changes = sorted(covering, key=lambda change: change[0])  # stable: the last of one moment counts
    times = {at for at, _ in changes} | {line.added for line in lines if line.added} | ({placed} if placed else set())
    paid: set[str] = set()
    found = []
    for at in sorted(times):
        covered = next((amount for since, amount in reversed(changes) if since <= at), NOTHING)
        due = total - sum((line.price for line in lines if line.added and line.added > at), NOTHING)
        new = frozenset(line.id for line in lines if not (line.added and line.added > at)) - paid
        if new and covered >= due and (due > 0 or (placed is not None and at >= placed)):
            found.append(Payment(at, new))
            paid |= new
    return found


def without_the_last(lines: Sequence[Line], total: Decimal, most: Decimal) -> list[Line]:
    """The lines, of which as many of the last as ``most`` does not cover are waiting for money.

    Lines stand in the order of their making.
    """
    found = list(lines)
    for at in reversed(range(len(found))):
        if total <= most:
            break
        total -= found[at].price
        found[at] = replace(found[at], added=NEVER)
    return found
