"""What is done about stores while nobody asks: deliveries of stores that go on, questions, sweeps. In rounds.

One process at a time, by a lease. A store that fails holds up no other one for longer than its time-out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import connection

from commerce_events.bus.clock import utc_now
from commerce_events.bus.failures import is_transient, summary
from commerce_events.bus.health import Health
from commerce_events.bus.lease import Lease
from commerce_events.bus.run import POLL
from commerce_events.bus.sources import Sources
from commerce_events.exceptions import CommerceEventsError
from commerce_events.stores import asks, deliveries, sweep
from commerce_events.stores.conf import Store
from commerce_events.stores.models import Delivery

log = logging.getLogger(__name__)

#: What these rounds are called where stages are named.
STAGE = "stores"
#: Seconds after which another process may go on where one has died.
LEASE = 120.0
#: Deliveries of a store that goes on, in one round.
MOST = 100


class _Over(BaseException):
    """The process was told to end in the middle of something that can be begun again. No failure of that."""


class Rounds:
    """Works for these stores."""

    def __init__(self, stores: dict[str, Store], clock: Callable[[], datetime] = utc_now) -> None:
        self.stores, self.clock = stores, clock
        self.sources = Sources()
        self.lease = Lease(STAGE, LEASE)
        self._at_each_step: Callable[[], object] = self.lease.hold

    def once(self) -> int:
        """One round; how much was done. Nothing where another process has the lease."""
        done = 0
        self.sources.refresh(self.clock())
        for store in self.stores.values():
            if not self.lease.hold():
                return done
            if store.source not in self.sources.stopped and not self.sources.waits(store.source):
                done += self._of(store)
        return done

    def _of(self, store: Store) -> int:
        done = self.received(store)
        done += asks.answer(store, self.clock, seen=self._step)
        if sweep.is_due(store, self.clock()):
            try:
                done += sweep.sweep(store, self.clock, seen=self._step).readings
            except Exception as error:
                if is_transient(error) and not isinstance(error, CommerceEventsError):
                    raise  # our own database
                log.error("store %s: the sweep failed and is tried again: %s", store.source, _said(error))
        return done

    def received(self, store: Store) -> int:
        """What came while the store was paused, in its order."""
        waiting = Delivery.objects.filter(source=store.source, state=Delivery.State.RECEIVED).order_by("pk")[:MOST]
        for delivery in waiting:
            verdict = deliveries.judged(store, delivery)
            if verdict.is_usable:
                deliveries.redo(verdict, "", self.clock())
            else:
                deliveries.set_aside(verdict)
        return len(waiting)

    def _step(self, _: int) -> None:
        """A sweep may take an hour: meanwhile the lease is renewed, the probe told, and a signal heard."""
        self._at_each_step()

    def run(self, rest: Callable[[float], bool], health: Health, until_idle: bool = False) -> None:
        """Round after round.

        Arguments:
            rest: waits so many seconds and says whether this is the end.
            until_idle: end when a round had nothing to do.
        """
        def step() -> None:
            self.lease.hold()
            health.beat(STAGE)
            if rest(0.0):
                raise _Over

        for store in self.stores.values():
            if store.sweep > 0 and not store.can_be_asked:
                log.warning("store %s is not swept: it has no address or key of an API", store.source)
        self._at_each_step, wait = step, 0.0
        while not rest(wait):
            try:
                done = self.once()
                health.beat(STAGE)
                if until_idle and not done:
                    break
                wait = 0.0 if done else POLL
            except _Over:
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("stores wait: the database does not answer: %s", summary(error))
                health.waiting(STAGE, "the database does not answer")
                connection.close()
                wait = 5.0
        self.lease.release()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, CommerceEventsError) else summary(error)
