"""The breaker: when nearly every decision fails, it is not the orders' fault, and handling pauses as a whole (D6).

It opens when most of the last decisions failed, whatever kind of exception they failed with. While it is open, events
are received and stored, one order is tried now and then, and no failure is counted against an order: an outage must not
use up the attempts of those that were merely unlucky. An order that is tried in vain goes to the end of the queue; one
that succeeds is followed by the next without a pause, and some of those in a row close the breaker.

One breaker for each process: its threads and lanes share it, and each process finds out by itself.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import datetime, timedelta

log = logging.getLogger(__name__)

#: Reason on the row of an event that was tried in vain while the breaker was open.
BREAKER_OPEN = "breaker_open"


class Breaker:
    """Counts decisions. Every method may be called from any thread; the time is a parameter.

    Arguments:
        window: how many of the last decisions are looked at; before there are so many, it stays closed.
        share: the part of them that must have failed for it to open.
        probe: how long after a failure the next order is tried.
        successes: how many decisions in a row must succeed for it to close.
    """

    def __init__(
        self, window: int = 50, share: float = 0.8, probe: timedelta = timedelta(seconds=30), successes: int = 10
    ) -> None:
        self._share, self._probe, self._successes = share, probe, successes
        self._failed: deque[bool] = deque(maxlen=window)
        self._next: datetime | None = None  # when the next order may be tried; None: closed
        self._in_a_row, self._why = 0, ""
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether handling pauses."""
        return self._next is not None

    @property
    def says(self) -> str:
        """What the health file tells of an open breaker."""
        return f"the breaker is open, the last failure was {self._why}; one order is tried now and then"

    def admits(self, now: datetime) -> bool:
        """Whether an order may be decided now. While it is open, that is said once in ``probe``."""
        with self._lock:
            if self._next is None:
                return True
            if now < self._next:
                return False
            self._next = now + self._probe
            return True

    def succeeded(self, count: int, now: datetime) -> None:
        """So many decisions were made."""
        if not count:
            return
        with self._lock:
            self._failed.extend([False] * min(count, self._failed.maxlen or 0))
            if self._next is None:
                return
            self._in_a_row += count
            self._next = now
            if self._in_a_row >= self._successes:
                self._next = None
                self._failed.clear()
                log.warning("the breaker closes: %d decisions in a row were made", self._in_a_row)

    def failed(self, now: datetime, why: str) -> bool:
        """A decision failed; whether the breaker is open, so that it counts against nobody."""
        with self._lock:
            self._failed.append(True)
            self._why = why
            if self._next is not None:
                self._in_a_row, self._next = 0, now + self._probe
                return True
            failures, window = sum(self._failed), self._failed.maxlen or 0
            if len(self._failed) < window or failures < self._share * window:
                return False
            self._in_a_row, self._next = 0, now + self._probe
            log.error(
                "the breaker opens: %d of the last %d decisions failed, the last with %s; one order is tried every "
                "%.0f s, and nothing counts against any", failures, window, why, self._probe.total_seconds(),
            )  # fmt: skip
            return True
