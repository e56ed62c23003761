"""The log of librdkafka's clients, with and without Django: a broker that is away is worth a line, not 20 a second."""

from __future__ import annotations

import logging
import time

#: Seconds between two lines of one client about one kind of thing.
SELDOM = 10.0


class Seldom(logging.Filter):
    """Lets one line of each client and kind pass in a while.

    librdkafka asks every broker anew, and says so, as long as none of them answers.
    """

    def __init__(self, seconds: float = SELDOM) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """The kind and the client are the first two arguments of librdkafka's lines."""
        kind = record.args[:2] if isinstance(record.args, tuple) else ()
        now = time.monotonic()
        if now - self._said.get(kind, float("-inf")) < self._seconds:
            return False
        self._said[kind] = now
        return True


log = logging.getLogger("commerce_events.kafka")
log.addFilter(Seldom())
