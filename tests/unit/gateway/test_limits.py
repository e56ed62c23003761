"""What is beyond a limit is refused at once; what is within is not. And the database sees no more than the places."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection, connections

from commerce_events.exceptions import OperatorError
from commerce_events.gateway.connections import Connections
from commerce_events.gateway.limits import Places, Rates


def test_a_rate_is_a_stores_own() -> None:
    rates = Rates("memory://")
    assert [rates.wait("shop", 2) for _ in range(2)] == [0, 0]
    assert 0 < rates.wait("shop", 2) <= 60
    assert rates.wait("other", 2) == 0
    assert [rates.wait("free", 0) for _ in range(100)] == [0] * 100


def test_a_place_where_rates_cannot_be_counted_is_refused_with_a_hint() -> None:
    with pytest.raises(OperatorError, match="RATES") as error:
        Rates("nowhere://")
    assert "redis://" in error.value.hint


def test_who_finds_every_place_taken_is_sent_away_at_once() -> None:
    places = Places(at_once=2, queued=0)
    with ExitStack() as stack:
        assert [stack.enter_context(places.taken()) for _ in range(3)] == [True, True, False]
    with places.taken() as has_place:
        assert has_place


def test_who_waits_gets_the_next_place_or_is_sent_away_in_time() -> None:
    places, answers, gate = Places(at_once=1, queued=1, patience=1), list[bool](), threading.Event()

    def wait() -> None:
        gate.set()
        with places.taken() as has_place:
            answers.append(has_place)

    for leave_after, expected in ((0.05, True), (1.8, False)):
        gate.clear()
        with places.taken():
            thread = threading.Thread(target=wait)
            thread.start()
            gate.wait(5)
            time.sleep(leave_after)
        thread.join(5)
        assert answers.pop() is expected
    with places.taken() as has_place:  # nothing was lost on the way
        assert has_place


def test_a_failure_gives_its_place_back() -> None:
    places = Places(at_once=1, queued=0)
    with pytest.raises(KeyError), places.taken():
        raise KeyError
    with places.taken() as has_place:
        assert has_place


def test_many_threads_share_a_few_connections(postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", None)  # as the service has it
    shared, places, pids = Connections(), Places(at_once=2, queued=100, patience=30), set[int]()

    def ask() -> None:
        for _ in range(5):
            with places.taken(), shared.taken(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.add(cursor.fetchone()[0])
        assert connections.all(initialized_only=True) == []

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 1 <= len(pids) <= 2
    shared.close()


def test_a_connection_that_broke_is_replaced(postgresql: Any) -> None:
    shared = Connections()
    here = connection.connection
    with pytest.raises(Exception, match=r"terminat|closed"), shared.taken(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with shared.taken(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    assert connection.connection is here  # the thread's own is as it was
    shared.close()
