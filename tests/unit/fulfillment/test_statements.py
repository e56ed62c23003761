"""What a group costs: a constant number of statements, whatever its size."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from commerce_events.bus import sql
from tests.unit.fulfillment.site import OTHER, Site, learner, line, paid, refund_line, refunded


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Statements of the handler: those of the multi-row functions, and those of the ORM beside them."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("insert", "update", "select"):
            patch.setattr(sql, name, _counting(name, getattr(sql, name), seen))
        with connection.execute_wrapper(lambda run, statement, *rest: seen.append(statement) or run(statement, *rest)):
            yield seen


def _counting(name: str, function: Any, seen: list[str]) -> Any:
    def count(model: Any, columns: Any, *rest: Any, **more: Any) -> Any:
        rows = rest[-1] if name != "select" else rest[1]
        rows = list(rows)
        if rows:
            seen.append(f"{name} {model.__name__}")
        return function(model, columns, *rest[:-1], rows, **more)

    return count


def handled(site: Site, monkeypatch: pytest.MonkeyPatch, *events: Any) -> list[str]:
    with counted(monkeypatch) as seen:
        site.straight(*events)
    bus = ("Stream", "Outbox", "OutboxBatch", "commerce_events_")
    return [statement for statement in seen if not any(word in statement for word in bus)]


@pytest.mark.parametrize("by", ["id", "email"])
def test_a_group_costs_the_same_number_of_statements_whatever_its_size(
    site: Site, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    site.stream("shop:first")  # takes a block of keys
    users = [site.user(f"user{i}") for i in range(42)]
    identifiers = [learner(u.pk) if by == "id" else learner(email=u.email) for u in users]
    buyers = {"s": identifiers[:2], "l": identifiers[2:]}

    def orders(name: str, count: int) -> list[Any]:
        return [paid(f"{name}{i}", buyers[name[-1]][i], line("1"), line("2", OTHER)) for i in range(count)]

    def refunds(name: str, count: int) -> list[Any]:
        return [refunded(f"{name}{i}", refund_line("1")) for i in range(count)]

    def both(name: str, count: int) -> list[Any]:
        return orders(f"new{name}", count) + refunds(name, count)

    small = [handled(site, monkeypatch, *events("s", 2)) for events in (orders, refunds, both)]
    large = [handled(site, monkeypatch, *events("l", 40)) for events in (orders, refunds, both)]
    assert [len(part) for part in small] == [len(part) for part in large]
    new_orders, *_ = large
    assert len(new_orders) <= 14, new_orders
    assert len(new_orders) / 80 < 1, "P11: at most one statement per order line, amortised over a group"
