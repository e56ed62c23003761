"""What happened to an order's money, told from the moves that the store keeps. Pure.

Moves have a time and never change, so whichever snapshot holds them tells the same story with the same ids and times:
an earlier snapshot tells a beginning of it. The order's own flags (``isPaid``, ``chargeStatus``) say how things stand
now and are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from commerce_events.stores.snapshot import Notice, Returned, Reversal

NOTHING = Decimal(0)


class Kind(Enum):
    """What a move is."""

    CHARGE = "charge"
    REFUND = "refund"
    REVERSE = "reverse"  # a refund that came back
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True)
class Move:
    """Money that moved. ``is_told``: a reversal that names lines tells of it already."""

    at: datetime
    id: str
    kind: Kind
    amount: Decimal
    is_told: bool = False

    @property
    def held(self) -> Decimal:
        """What the shop holds more."""
        return self.amount if self.kind in (Kind.CHARGE, Kind.REVERSE) else -self.amount


@dataclass(frozen=True, slots=True)
class Granted:
    """A refund that somebody decided on; it counts when money covers it."""

    at: datetime
    id: str
    amount: Decimal
    lines: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The reversals that happened, what a person should see, and how much money the shop holds at the end.

    ``covering``: from which time on how much of the order is covered, by money or because it was given back.
    """

    reversals: tuple[Reversal, ...]
    notices: tuple[Notice, ...]
    held: Decimal
    covering: tuple[tuple[datetime, Decimal], ...]


def story(moves: Iterable[Move], granted: Iterable[Granted]) -> Story:
    """Go through what happened in its order.

    Money that was given back covers the refunds that were granted, as Saleor itself counts: one of exactly that amount,
    else the oldest for which all that was given back suffices. Money that covers none is a refund of an amount alone.
    """
    held = given_back = settled = NOTHING
    was_emptied = False
    waiting: list[Granted] = []
    reversals: list[Reversal] = []
    notices: list[Notice] = []
    covering: list[tuple[datetime, Decimal]] = []
    steps: list[Move | Granted] = [*granted, *moves]
    for step in sorted(steps, key=lambda step: (step.at, isinstance(step, Move), step.id)):
        if isinstance(step, Granted):
            waiting.append(step)
        else:
            held += step.held
            if step.kind is Kind.REFUND and not step.is_told:
                given_back += step.amount
            elif step.kind is Kind.REFUND:
                settled += step.amount
            elif step.kind is Kind.REVERSE:
                given_back -= step.amount
                settled = max(NOTHING, settled - step.amount)
            notices += _told(step, was_emptied)
            was_emptied = was_emptied or (step.kind in (Kind.REFUND, Kind.CHARGEBACK) and held <= 0)
        covered = _covered(waiting, given_back, step)
        for grant in covered:
            waiting.remove(grant)
            given_back -= grant.amount
            settled += grant.amount
            reversals.append(
                Reversal(refund_id=grant.id, at=step.at, lines=grant.lines, is_full=not grant.lines and held <= 0)
            )
        if isinstance(step, Move) and step.amount > 0 and not step.is_told:
            if step.kind is Kind.CHARGEBACK:
                reversals.append(Reversal(refund_id=step.id, at=step.at, kind="chargeback", is_full=held <= 0))
            elif step.kind is Kind.REFUND and not covered:
                reversals.append(Reversal(refund_id=step.id, at=step.at, is_full=held <= 0))
        covering.append((step.at, held + settled))
    return Story(tuple(reversals), tuple(notices), held, tuple(covering))


def _told(move: Move, was_emptied: bool) -> Iterable[Notice]:
    """What no event tells: access is never granted twice by itself."""
    if move.kind is Kind.REVERSE or (move.kind is Kind.REFUND and move.amount < 0):
        yield Notice(code="refund_reversed", about=move.id)
    elif move.kind is Kind.CHARGE and move.amount < 0:
        yield Notice(code="charge_corrected", about=move.id)
    elif move.kind is Kind.CHARGE and was_emptied:
        yield Notice(code="charged_again", about=move.id)


def _covered(waiting: list[Granted], given_back: Decimal, step: Move | Granted) -> list[Granted]:
    """The refunds for which the money is there now."""
    covered: list[Granted] = []
    exact = [grant for grant in waiting if grant.amount == step.amount]
    for grant in exact[:1] + [grant for grant in waiting if grant not in exact[:1]]:
        if grant.amount <= given_back:
            covered.append(grant)
            given_back -= grant.amount
    return covered
