"""The sweep: a store is asked what has changed, because every webhook can be lost.

It reads further back than where the last one ended, because clocks differ and a store may commit late: what was told
already brings no event. A sweep that fails is begun again at the same place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError

from commerce_events import identity
from commerce_events.bus.failures import is_transient, summary
from commerce_events.exceptions import CommerceEventsError, ContractError, OperatorError, TransientError
from commerce_events.stores.adapter import Ask, Reading
from commerce_events.stores.asks import pause
from commerce_events.stores.conf import Store
from commerce_events.stores.models import Sweep
from commerce_events.stores.orders import note
from commerce_events.stores.readings import rehearsed, use
from commerce_events.stores.snapshot import Notice, Snapshot
from commerce_events.stores.transactions import settled

log = logging.getLogger(__name__)

#: How much further back than the end of the last sweep.
OVERLAP = timedelta(minutes=10)


@dataclass(slots=True)
class Swept:
    """What a sweep found: orders and questions, events that were missing, orders that break the contract."""

    readings: int = 0
    events: int = 0
    broken: int = 0


def row(source: str, now: datetime) -> Sweep:
    """How far a store was swept. One that is new begins now: older orders are a person's decision."""
    fresh = {"source": source, "since": now, "due_at": now}
    return Sweep.objects.get_or_create(digest=_digest(source), defaults=fresh)[0]


def _digest(source: str) -> bytes:
    return identity.text_digest("sweep", source)


def is_due(store: Store, now: datetime) -> bool:
    """Whether it is time to sweep."""
    return store.is_swept and row(store.source, now).due_at <= now


def sweep(
    store: Store, clock: Callable[[], datetime], since: datetime | None = None, is_dry: bool = False,
    seen: Callable[[int], object] = lambda readings: None,
) -> Swept:  # fmt: skip
    """Ask a store what has changed since the last sweep, or since a time that a person names.

    Arguments:
        is_dry: only count what would go out.
        seen: called after each reading with how many there were.

    Raises:
        TransientError, OperatorError: as ``Adapter.changed``; what was found until then is written.
    """
    began, swept = clock(), Swept()
    if is_dry:
        known = Sweep.objects.filter(digest=_digest(store.source)).first()
        for reading in store.adapter.changed(since or (known.since if known else began) - OVERLAP):
            _count(store, reading, clock(), swept)
            seen(swept.readings)
        return swept
    known = row(store.source, began)
    try:
        for reading in store.adapter.changed(since or known.since - OVERLAP):
            _use(store.source, reading, clock(), swept)
            seen(swept.readings)
    except Exception as error:
        if isinstance(error, CommerceEventsError) or not is_transient(error):
            _failed(known, error, clock())
        raise
    if since is None or since <= known.since:
        known.since = known.ended_at = began
    known.due_at, known.attempts, known.reason = began + timedelta(seconds=store.sweep), 0, ""
    known.save()
    if swept.events:
        log.warning("store %s: the sweep found %d events that no delivery brought", store.source, swept.events)
    return swept


def _count(store: Store, reading: Reading, now: datetime, swept: Swept) -> None:
    swept.readings += 1
    try:
        readings = store.adapter.fetch(reading) if isinstance(reading, Ask) else [reading]
        swept.events += rehearsed(store.source, readings, now)
    except (TransientError, OperatorError):
        raise
    except Exception as error:  # counted: as it would be told of in a notice
        if is_transient(error) or isinstance(error, DatabaseError):
            raise
        swept.broken += 1


def _use(source: str, reading: Reading, now: datetime, swept: Swept) -> None:
    swept.readings += 1
    try:
        swept.events += settled(lambda _: use(source, [reading], now))
    except Exception as error:  # recorded as a notice: one order must not stop those behind it
        if is_transient(error) or isinstance(error, DatabaseError):
            raise
        order_id = reading.order_id if isinstance(reading, Snapshot) else ""
        swept.broken += 1
        why = str(error) if isinstance(error, ContractError) else summary(error)
        note(source, order_id, [Notice(code="contract_broken", about=why)], now)


def _failed(known: Sweep, error: Exception, now: datetime) -> None:
    known.reason = (str(error) if isinstance(error, CommerceEventsError) else summary(error))[:255]
    known.due_at = now + pause(known.attempts)
    known.attempts += 1
    known.save()
