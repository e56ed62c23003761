"""The time of day, as the database has it.

The processes of a site have as many clocks as machines, and one database. A row that one of them makes due *now* must
be due for all: if a clock is ninety minutes ahead, its events would otherwise wait ninety minutes for everybody. So the
database is asked, seldom, and what passes in between is measured by a clock that nobody sets.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

#: Seconds after which the database is asked again: a suspended machine's own clock does not know how long it slept.
GOOD_FOR = 60.0

#: An answer that took longer is used once and not kept: nobody knows at which end of the journey it was the time.
PROMPT = 0.1

#: The answer is a text or a time, with fractions of a second and without a zone, in UTC.
_SQL = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}


class DatabaseClock:
    """One database's time of day, for every thread of a process. Call it."""

    def __init__(self) -> None:
        self._known: tuple[float, datetime] | None = None  # monotonic seconds, and the time that it was then
        self._database = 0  # counts the databases, as far as they may have been others

    def __call__(self) -> datetime:
        """The time, in UTC.

        Raises:
            OperationalError: the database is away.
        """
        known = self._known
        if known is None or time.monotonic() - known[0] > GOOD_FOR:
            known = self._ask()
        since, at = known
        return at + timedelta(seconds=time.monotonic() - since)

    def forget(self) -> None:
        """The database may be another one now; or the time is wanted from it and from nobody's memory."""
        self._database += 1
        self._known = None

    def _ask(self) -> tuple[float, datetime]:
        database, begun = self._database, time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(_SQL[connection.vendor])
            answer = cursor.fetchone()[0]
        at = datetime.fromisoformat(answer) if isinstance(answer, str) else answer
        # after the answer: rather a little behind than ahead, for what is due too late is late for everybody
        known = time.monotonic(), at.replace(tzinfo=UTC)
        if known[0] - begun < PROMPT and database == self._database:
            self._known = known
        return known


#: The clock of this process.
utc_now = DatabaseClock()
