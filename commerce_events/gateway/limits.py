"""How much is taken: so many deliveries of a store in a minute, and so many requests at once.

What is beyond is refused at once, and says when to come again: a store repeats it, or the sweep finds it. To let it
wait would only make every answer late.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from commerce_events.exceptions import OperatorError

#: Seconds that a request waits for its turn.
PATIENCE = 0.7


class Rates:
    """Counts signed deliveries: what is not signed takes nothing off a store's rate.

    Arguments:
        place: where they are counted, as the library ``limits`` names it.

    Raises:
        OperatorError: there is no such place.
    """

    def __init__(self, place: str) -> None:
        try:
            self._limiter = SlidingWindowCounterRateLimiter(storage_from_string(place))
        except (ConfigurationError, ImportError) as error:
            raise OperatorError(
                f"COMMERCE_GATEWAY['RATES'] cannot be used: {type(error).__name__}",
                hint="memory://, or redis://host:6379 with `pip install redis`.",
            ) from error

    def wait(self, source: str, rate: int) -> int:
        """0 if one more of a store may be taken, and is counted; else the seconds until then. Rate 0: no limit."""
        if not rate:
            return 0
        item = RateLimitItemPerMinute(rate)
        if self._limiter.hit(item, source):
            return 0
        return max(1, round(self._limiter.get_window_stats(item, source).reset_time - time.time()))


class Places:
    """Places of one process: some work, some wait for their turn, and the others are sent away."""

    def __init__(self, at_once: int, queued: int, patience: float = PATIENCE) -> None:
        self._all = threading.BoundedSemaphore(at_once + queued)
        self._working = threading.BoundedSemaphore(at_once)
        self._patience = patience

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether there was a place; it is given back at the end."""
        if not self._all.acquire(blocking=False):
            yield False
            return
        try:
            if not self._working.acquire(timeout=self._patience):
                yield False
                return
            try:
                yield True
            finally:
                self._working.release()
        finally:
            self._all.release()
