"""The time of the stages is the database's, whatever the clock of a process says."""
from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from commerce_events.bus import clock, inbox, run
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.handle import Handle
from commerce_events.models import Inbox
from tests.engines.schema import TestDatabase


def test_the_clock_says_what_the_database_says(database: TestDatabase) -> None:
    said = clock.DatabaseClock()()
    assert said.tzinfo is UTC
    assert abs(said - datetime.now(UTC)) < timedelta(seconds=30), "both are on this machine"


def test_a_wrong_clock_of_one_process_makes_nothing_late(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = clock.DatabaseClock()

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(minutes=90)

    for module in (clock, inbox, run):
        monkeypatch.setattr(module, "datetime", Ahead, raising=False)
    assert run.Run(bus_settings(), {}, run.Options()).clock() - right() < timedelta(minutes=1)
    inbox.enqueue("internal.test", "shop:1", {})
    soon = right() + timedelta(seconds=1)  # two clocks of one database differ by how long its answers took
    assert len(Handle({}).due(soon, 10)) == 1
    assert Inbox.objects.filter(due_at__lte=soon).exists()


def test_the_database_is_asked_seldom_and_again_when_it_may_be_another_one(database: TestDatabase) -> None:
    mine = clock.DatabaseClock()
    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "TIMESTAMP" in sql.upper() or "strftime" in sql:
            asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        first = mine()
        time.sleep(0.01)
        assert timedelta(milliseconds=10) <= mine() - first
        assert len(asked) == 1
        mine.forget()
        mine()
    assert len(asked) == 2


def test_an_answer_that_took_long_is_not_kept(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its age is not known, and a minute of it would be a minute of being late."""
    mine = clock.DatabaseClock()
    monkeypatch.setattr(clock, "PROMPT", -1.0)
    mine()
    assert mine._known is None


def test_an_answer_of_the_database_before_is_not_kept(database: TestDatabase) -> None:
    mine = clock.DatabaseClock()

    def failed_over(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        mine.forget()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(failed_over):
        mine()
    assert mine._known is None
