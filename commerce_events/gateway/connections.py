"""Connections to the database that belong to the places of a process, and not to its threads.

Django gives every thread a connection of its own, for as long as the thread lives. There are more threads here than
places, so that a server's connections would be held by threads that only wait or refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


class Connections:
    """As many as were ever used at once. Threads share it."""

    def __init__(self) -> None:
        self._free: SimpleQueue[BaseDatabaseWrapper] = SimpleQueue()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """For its length, one of these is this thread's default connection."""
        here = [known for known in connections.all(initialized_only=True) if known.alias == DEFAULT_DB_ALIAS]
        mine = self._one()
        connections[DEFAULT_DB_ALIAS] = mine
        try:
            yield
        finally:
            mine.close_if_unusable_or_obsolete()
            del connections[DEFAULT_DB_ALIAS]
            for known in here:
                connections[DEFAULT_DB_ALIAS] = known
            self._free.put(mine)

    def _one(self) -> BaseDatabaseWrapper:
        try:
            return self._free.get_nowait()
        except Empty:
            fresh: BaseDatabaseWrapper = connections.create_connection(DEFAULT_DB_ALIAS)
            fresh.inc_thread_sharing()
            return fresh

    def close(self) -> None:
        """Close those that nobody uses."""
        while not self._free.empty():
            self._free.get().close()
