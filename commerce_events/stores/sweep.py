"""The sweep: a store is asked what has changed, because every webhook can be lost.

It reads further back than where the last one ended, because clocks differ and a store may commit late: what was told
already brings no event. A sweep that fails is begun again at the same place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from commerce_events import identity
from commerce_events.bus.failures import is_transient, summary
from commerce_events.exceptions import CommerceEventsError, ContractError
from commerce_events.stores.adapter import Reading
from commerce_events.stores.asks import pause
from commerce_events.stores.conf import Store
from commerce_events.stores.models import Sweep
from commerce_events.stores.orders import note
from commerce_events.stores.readings import use
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
    digest = identity.text_digest("sweep", source)
    return Sweep.objects.get_or_create(digest=digest, defaults={"source": source, "since": now, "due_at": now})[0]


def is_due(store: Store, now: datetime) -> bool:
    """Whether it is time to sweep."""
    return store.sweep > 0 and row(store.source, now).due_at <= now


def sweep(
    store: Store, clock: Callable[[], datetime], since: datetime | None = None,
    seen: Callable[[int], object] = lambda readings: None,
) -> Swept:  # fmt: skip
    """Ask a store what has changed since the last sweep, or since a time that a person names.

    Arguments:
        seen: called after each reading with how many there were.

    Raises:
        TransientError, OperatorError: as ``Adapter.changed``; what was found until then is written.
    """
    began = clock()
    known = row(store.source, began)
    swept = Swept()
    try:
        for reading in store.adapter.changed(since if since is not None else known.since - OVERLAP):
            _use(store.source, reading, clock(), swept)
            seen(swept.readings)
    except Exception as error:
        if not is_transient(error) or isinstance(error, CommerceEventsError):
            _failed(known, error, clock())
        raise
    if since is None or since <= known.since:
        known.since = began
    known.due_at, known.attempts, known.reason = began + timedelta(seconds=store.sweep), 0, ""
    known.save()
    if swept.events:
        log.warning("store %s: the sweep found %d events that no delivery brought", store.source, swept.events)
    return swept


def _use(source: str, reading: Reading, now: datetime, swept: Swept) -> None:
    swept.readings += 1
    try:
        swept.events += settled(lambda _: use(source, [reading], now))
    except ContractError as error:
        order_id = reading.order_id if isinstance(reading, Snapshot) else ""
        swept.broken += 1
        note(source, order_id, [Notice(code="contract_broken", about=str(error))], now)


def _failed(known: Sweep, error: Exception, now: datetime) -> None:
    known.reason = (str(error) if isinstance(error, CommerceEventsError) else summary(error))[:255]
    known.due_at = now + pause(known.attempts)
    known.attempts += 1
    known.save()
