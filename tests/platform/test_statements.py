"""What an order costs in an LMS: statements that our code runs, beside those the platform runs for itself (P11)."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from commerce_events.bus import sql
from tests.platform.settings import PLATFORM
from tests.platform.site import DEMO, LmsSite
from tests.unit.fulfillment.site import line, paid, refunded

BUS = ("Stream", "Outbox", "OutboxBatch", "Inbox", "commerce_events_", "SAVEPOINT", "BEGIN")


def _is_the_platforms() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(PLATFORM):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], list[str]]]:
    """Statements of ours, those of the bus left out, and statements of the platform."""
    ours: list[str] = []
    theirs: list[str] = []

    def seen(statement: str) -> None:
        if _is_the_platforms():
            theirs.append(statement)
        elif not any(word in statement for word in BUS):
            ours.append(statement)

    def wrap(run: Any, statement: str, *rest: Any) -> Any:
        seen(statement)
        return run(statement, *rest)

    def counting(name: str, function: Any) -> Any:
        def call(model: Any, columns: Any, *rest: Any, **more: Any) -> Any:
            at = 1 if name == "select" else -1
            rest = (*rest[:at], list(rest[at])) if at == -1 else (rest[0], list(rest[1]), *rest[2:])
            if rest[at]:
                seen(f"{name} {model.__name__}")
            with connection.execute_wrapper(lambda run, *said: run(*said)):
                return function(model, columns, *rest, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("insert", "update", "select"):
            patch.setattr(sql, name, counting(name, getattr(sql, name)))
        with connection.execute_wrapper(wrap):
            yield ours, theirs


def cost(site: LmsSite, monkeypatch: pytest.MonkeyPatch, event: Any) -> tuple[list[str], list[str]]:
    with counted(monkeypatch) as (ours, theirs):
        site.straight(event)
    return list(ours), list(theirs)


@pytest.mark.parametrize("lines", [1, 2])
def test_an_order_and_its_refund_cost_no_more_than_eight_statements_of_ours_each(
    site: LmsSite, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    ada, keys = site.user("ada"), [DEMO, "course-v1:edX+Other+1"][:lines]
    site.course("course-v1:edX+Other+1")
    site.stream("shop:first")  # takes a block of keys
    bought = [line(str(number), key) for number, key in enumerate(keys)]
    ours, theirs = cost(site, monkeypatch, paid("1", ada, *bought))
    assert len(ours) <= 8, ours
    assert len(theirs) >= 10 * lines, "the platform's own are counted, too"
    ours, _ = cost(site, monkeypatch, refunded("1"))
    assert len(ours) <= 8, ours
    ours, _ = cost(site, monkeypatch, paid("2", ada, *bought))
    assert len(ours) <= 8, ours
