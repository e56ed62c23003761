"""What is answered to a webhook, and in which order it is judged.

========  ==================================================================================================
Status    Because
========  ==================================================================================================
200       taken; or repeated; or signed and not to be used, and set aside for a person; or its store is paused
401       no secret of this store fits, or it is too old: nothing is kept
403       the store is stopped
404       there is no such store
409       the id of the delivery was used before, for something else: refused, and a notice
413       the body is too long (405, 411: no webhook at all)
429       the store sends too much; ``Retry-After``
503       too many requests at once, or the database does not answer; ``Retry-After``
========  ==================================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, connection

from commerce_events.bus.clock import utc_now
from commerce_events.bus.failures import is_outage, summary
from commerce_events.bus.sources import Sources
from commerce_events.exceptions import CommerceEventsError
from commerce_events.gateway.connections import Connections
from commerce_events.gateway.limits import Places, Rates
from commerce_events.stores.adapter import Headers, SignatureError
from commerce_events.stores.conf import Store
from commerce_events.stores.deliveries import Outcome, take

log = logging.getLogger(__name__)

#: Seconds after which a store should come again.
BUSY, AWAY = 5, 30


class Answer(NamedTuple):
    """Status, a word, and after how many seconds to come again."""

    status: int
    word: str
    retry_after: int | None = None


class Reception:
    """Judges deliveries. One per process; threads share it."""

    def __init__(
        self, stores: Mapping[str, Store], rates: Rates, places: Places, max_body: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self.stores, self.rates, self.places, self.max_body, self.clock = stores, rates, places, max_body, clock
        self.sources, self.connections = Sources(), Connections()

    def answer(self, source: str, headers: Headers, raw: bytes) -> Answer:
        """Judge one delivery. Never raises, so that no trace of it comes into a log."""
        store = self.stores.get(source)
        if store is None:
            return Answer(404, "unknown_source")
        with self.places.taken() as has_place:
            if not has_place:
                return Answer(503, "busy", BUSY)
            try:
                with self.connections.taken():
                    return self._patiently(store, headers, raw)
            except (DatabaseError, InterfaceError) as error:
                log.error("store %s: not taken, the database: %s", source, summary(error))
                return Answer(503, "database_away", AWAY)
            except CommerceEventsError as error:
                log.error("store %s: not taken: %s", source, error)
                return Answer(503, "failed", AWAY)
            except Exception as error:  # noqa: BLE001 told to the log and to the store, which comes again
                log.error("store %s: not taken: %s", source, summary(error))
                return Answer(503, "failed", AWAY)

    def _patiently(self, store: Store, headers: Headers, raw: bytes) -> Answer:
        """A connection that died while nobody used it is no outage: once more, with a new one."""
        try:
            return self._judged(store, headers, raw)
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            connection.close()
            return self._judged(store, headers, raw)

    def _judged(self, store: Store, headers: Headers, raw: bytes) -> Answer:
        now = self.clock()
        self.sources.refresh(now)
        if store.source in self.sources.stopped:
            return Answer(403, "stopped")
        try:
            store.adapter.verify(headers, raw, store.secrets, now)
        except SignatureError as error:
            log.warning("store %s: refused: %s", store.source, error)
            return Answer(401, "signature")
        wait = self.rates.wait(store.source, store.rate)
        if wait:
            log.warning("store %s: refused for %d s: it sends too much", store.source, wait)
            return Answer(429, "rate", wait)
        outcome = take(store, headers, raw, now, self.sources.waits(store.source))
        return Answer(409 if outcome == Outcome.REUSED else 200, outcome.value)
