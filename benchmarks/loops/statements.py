"""How many statements a consumer runs for a backlog, counted where they leave the driver.

Small statements that travel together are counted one by one, and their journeys beside them. ``BEGIN`` and ``COMMIT``
are not counted. What is whose follows from the tables that a statement names.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from benchmarks import database
from benchmarks.loops import ours

#: Whose a statement is, by the first of these that it names: our own rows, the bus's, the reference platform's.
OWNERS = {"commerce_fulfillment_": "ledger", "commerce_reference_": "platform", "commerce_events_": "bus"}


def group(count: int) -> dict[str, Any]:
    """A backlog decided in groups, as large as they come."""
    return _counted(count)


def single(count: int) -> dict[str, Any]:
    """Each order in a transaction of its own."""
    return _counted(count, BATCH=1, LANES=1)


def _counted(count: int, **settings: Any) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    database.empty()
    with _watched(seen):
        outcome = ours.emptied_path(count, **settings)
    lines = database.counts()["commerce_fulfillment_grant"]
    return {"orders": count, "lines": lines, "seconds": outcome["seconds"], "statements": dict(sorted(seen.items()))}


@contextmanager
def _watched(seen: Counter[str]) -> Iterator[None]:
    def count(text: Any) -> None:
        said = text if isinstance(text, str) else bytes(text).decode(errors="replace")
        seen["journeys"] += 1
        for statement in said.split(";\n"):
            named = (owner for prefix, owner in OWNERS.items() if prefix in statement)
            seen[next(named, "look-ups")] += 1

    if connection.vendor == "postgresql":
        import psycopg

        places = [(psycopg.Cursor, name) for name in ("execute", "executemany", "copy")]
    else:
        from MySQLdb.cursors import BaseCursor

        places = [(BaseCursor, "_query")]
    kept = [(owner, name, getattr(owner, name)) for owner, name in places]
    for owner, name, function in kept:
        setattr(owner, name, _counting(function, count))
    try:
        yield
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


def _counting(function: Callable[..., Any], count: Callable[[Any], None]) -> Callable[..., Any]:
    def called(cursor: Any, statement: Any, *rest: Any, **more: Any) -> Any:
        count(statement)
        return function(cursor, statement, *rest, **more)

    return called
