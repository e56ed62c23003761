"""Primary keys before the rows exist: a row that others refer to can then be written last, once, in its final form.

Keys are taken from a counter in blocks, in a transaction of their own, so no two writers wait for each other. A block
that is lost with its process leaves a hole, which nobody minds: nothing is ordered by these keys.
"""

from __future__ import annotations

import secrets
import threading

from django.db import IntegrityError, connection, transaction

from commerce_events.models import Counter

BLOCK = 10_000


class IdBlock:
    """Keys of one table. Threads of one process share it."""

    def __init__(self, name: str, block: int = BLOCK) -> None:
        self.name, self.block = name, block
        self._lock = threading.Lock()
        self._next = self._end = 0

    def take(self, count: int) -> range:
        """``count`` consecutive unused keys. Call it outside of the transaction that uses them.

        Inside of one, which might roll the counter back, a random key from the upper half of the range is given out:
        good for the rare single row of a web request, too scattered for the many rows of a consumer.
        """
        if connection.in_atomic_block:
            first = (1 << 62) + secrets.randbits(61)
            return range(first, first + count)
        with self._lock:
            if self._end - self._next < count:
                self._next = _reserve(self.name, max(self.block, count))
                self._end = self._next + max(self.block, count)
            first, self._next = self._next, self._next + count
            return range(first, first + count)

    def forget(self) -> None:
        """Drop the block in hand: after a restore the counter of the database decides again."""
        with self._lock:
            self._next = self._end = 0


def _reserve(name: str, count: int) -> int:
    while True:
        with transaction.atomic():
            row = Counter.objects.select_for_update().filter(name=name).first()
            if row is not None:
                first = row.next_id
                Counter.objects.filter(name=name).update(next_id=first + count)
                return int(first)
        try:
            with transaction.atomic():
                Counter.objects.create(name=name)
        except IntegrityError:  # another process was first
            continue


#: Keys of ``Stream``, for every writer of this process.
STREAMS = IdBlock("stream")
