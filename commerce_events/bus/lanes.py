"""Several transactions at once: while one lane waits for the database, another decides.

Lanes share nothing but the interpreter. Each takes the messages of other partitions, and so other orders and other
positions, on a connection of its own; two of them that meet in one learner's course do what two processes do there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from django.db import connection


class Placed(Protocol):
    """A message that came from somewhere."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...


class Lanes:
    """Runs work on shares: the first in the caller's thread, each other one in a thread of its own."""

    def __init__(self, count: int) -> None:
        # SQLite has one writer, whoever asks
        self.count = 1 if connection.vendor == "sqlite" else max(1, count)
        self._others = [ThreadPoolExecutor(1, f"lane-{number}") for number in range(1, self.count)]

    def shares[Message: Placed](self, messages: Iterable[Message], least: int) -> list[list[Message]]:
        """Divide messages by partitions, as evenly as those allow; into one share if they are fewer than ``least``."""
        by_partition: dict[tuple[str, int], list[Message]] = {}
        count = 0
        for message in messages:
            by_partition.setdefault((message.topic(), message.partition()), []).append(message)
            count += 1
        shares: list[list[Message]] = [[] for _ in range(self.count if count >= least else 1)]
        for part in sorted(by_partition.values(), key=len, reverse=True):
            min(shares, key=len).extend(part)
        return [share for share in shares if share]

    def run[Share](self, work: Callable[[Share], object], shares: Sequence[Share]) -> None:
        """Do the work on every share and wait for all.

        ``work`` keeps its errors in its share: of several that are raised, one would be told and the others lost.
        """
        began = [lane.submit(_apart, work, share) for lane, share in zip(self._others, shares[1:], strict=False)]
        try:
            work(shares[0])
        finally:
            for each in began:
                each.result()

    def close(self) -> None:
        """End the threads and their connections."""
        for lane in self._others:
            lane.submit(connection.close)
            lane.shutdown()


def _apart(work: Callable[[Any], object], share: Any) -> None:
    """Work in a thread of its own, whose connection nobody else would look after."""
    try:
        work(share)
    finally:
        if connection.errors_occurred or connection.in_atomic_block:
            connection.close()
