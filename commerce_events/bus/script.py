"""Several statements on one way to the database and back.

A group of one order costs as many waits as one of a thousand, and then the waits are all it costs. So small statements
are written out with their values, kept, and sent together: those that are only executed wait for the next one that asks
for something, or for the end of :func:`gathered`.

Only inside of :func:`gathered` is anything kept. It must end before its transaction does, and whoever looks for a row
in another way than by ``sql`` must :func:`flush` before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

Rows = list[tuple[Any, ...]]

#: Bytes that are sent together. Current databases take 16 MiB at least, and what they refuse they refuse for ever.
MOST = 4 << 20


class _Kept(threading.local):
    """The statements of one thread that wait, and how many :func:`gathered` are open."""

    def __init__(self) -> None:
        self.open = 0
        self.statements: list[bytes] = []


_kept = _Kept()


@contextmanager
def gathered() -> Iterator[None]:
    """Keep small statements and send them together, at the latest at the end; after an error they are forgotten.

    One within another begins with nothing kept: what belongs to the outer transaction must not end with a savepoint.
    """
    flush()
    _kept.open += 1
    try:
        yield
        flush()
    except BaseException:
        forget()
        raise
    finally:
        _kept.open -= 1


def keep(statement: bytes, using: str = "default") -> None:
    """Execute a statement: with the next ones if they are being gathered, else now."""
    if sum(map(len, _kept.statements)) + len(statement) > MOST:
        flush(using)
    _kept.statements.append(statement)
    if not _kept.open:
        flush(using)


def ask(*statements: bytes, using: str = "default") -> list[Rows]:
    """Send what was kept and these; the rows of each of these."""
    before, _kept.statements = _kept.statements, []
    connection = connections[using]
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return _RUN[connection.vendor](connection, [*before, *statements])[len(before) :]


def flush(using: str = "default") -> None:
    """Send what was kept."""
    if _kept.statements:
        ask(using=using)


def forget() -> None:
    """Drop what was kept: its transaction is rolled back."""
    _kept.statements = []


def _postgresql(connection: BaseDatabaseWrapper, statements: list[bytes]) -> list[Rows]:
    import psycopg

    # a plain cursor without parameters takes the simple protocol: any number of statements, one answer for each
    cursor: Any = psycopg.Cursor(connection.connection)
    cursor.execute(b";\n".join(statements))
    return _answers(cursor, len(statements))


def _mysql(connection: BaseDatabaseWrapper, statements: list[bytes]) -> list[Rows]:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(b";\n".join(statements))
        return _answers(cursor, len(statements))
    finally:
        cursor.close()


def _answers(cursor: Any, count: int) -> list[Rows]:
    answers: list[Rows] = []
    for left in range(count, 0, -1):
        answers.append(list(cursor.fetchall()) if cursor.description else [])
        if left > 1:
            cursor.nextset()
    return answers


_RUN: dict[str, Callable[[BaseDatabaseWrapper, list[bytes]], list[Rows]]] = {
    "postgresql": _postgresql, "mysql": _mysql,
}  # fmt: skip
