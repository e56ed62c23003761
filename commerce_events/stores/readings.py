"""What an adapter understood is used: snapshots become events, questions are remembered until they are answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from commerce_events import identity
from commerce_events.bus import script, sql
from commerce_events.stores.adapter import Ask, Reading
from commerce_events.stores.models import OpenAsk
from commerce_events.stores.orders import tell
from commerce_events.stores.snapshot import Snapshot
from commerce_events.stores.transactions import settled

_COLUMNS = ("digest", "source", "kind", "ask_id", "times", "attempts", "reason", "due_at", "created_at")


def use(source: str, readings: Iterable[Reading], now: datetime) -> int:
    """Write what was understood, in the caller's transaction; how many events went out.

    Raises:
        ContractError: an event would break the contract; the transaction is to be taken back.
    """
    events = 0
    for reading in readings:
        if isinstance(reading, Snapshot):
            events += len(tell(source, reading, now))
        elif isinstance(reading, Ask):
            remember(source, reading, now)
    return events


def rehearsed(source: str, readings: Sequence[Reading], now: datetime) -> int:
    """How many events would go out: all is written and taken back, so that it fails where it would fail.

    Raises:
        ContractError: an event would break the contract, or holds a text that cannot be stored.
    """
    def work(_: int) -> int:
        events = use(source, readings, now)
        script.flush()
        transaction.set_rollback(True)
        return events

    return settled(work)


def remember(source: str, ask: Ask, now: datetime) -> None:
    """Have the store asked. A question that is open already is asked once more after the answer that is on its way."""
    digest = identity.text_digest("ask", source, ask.kind, ask.id)
    rows = sql.select(OpenAsk, ("id", "times"), "digest", [digest], lock=True)
    if rows:
        sql.update(OpenAsk, ("times",), [(rows[0][0], rows[0][1] + 1)])
    else:
        sql.insert(OpenAsk, _COLUMNS, [(digest, source, ask.kind, ask.id, 1, 0, "", now, now)])
