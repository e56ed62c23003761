"""What a group of results costs: a constant number of statements, whatever its size, hooks included."""
from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection, transaction

from commerce_events import publish_order_paid
from commerce_events.bus import sql
from commerce_events.testing import FakeBus, fulfillment_completed, order_paid


def cost(bus: FakeBus, monkeypatch: pytest.MonkeyPatch, first: int, count: int) -> Counter[str]:
    """Statements on the tables of order status while so many results are handled together."""
    numbers = [str(number) for number in range(first, first + count)]
    with transaction.atomic():
        for number in numbers:
            publish_order_paid(order_paid(number)["order"])
    bus.relay()
    seen: Counter[str] = Counter()

    def counting(name: str) -> Any:
        function = getattr(sql, name)

        def count(model: Any, columns: Any, rows: Any, *rest: Any, **more: Any) -> Any:
            if rows and model._meta.app_label == "commerce_order_status":
                seen[f"{name} {model.__name__}"] += 1
            return function(model, columns, rows, *rest, **more)

        return count

    def selecting(*queries: Any, **more: Any) -> Any:
        for query in queries:
            is_asked = query.values and query.model._meta.app_label == "commerce_order_status"
            seen[f"select {query.model.__name__}"] += bool(is_asked)
        return found(*queries, **more)

    def executing(run: Any, statement: str, *rest: Any) -> Any:
        if "commerce_order_status" in statement:
            seen[statement.split(" ", 1)[0]] += 1
        return run(statement, *rest)

    found = sql.selects
    with monkeypatch.context() as patch, connection.execute_wrapper(executing):
        patch.setattr(sql, "insert", counting("insert"))
        patch.setattr(sql, "update", counting("update"))
        patch.setattr(sql, "selects", selecting)
        bus.deliver(*(fulfillment_completed(number) for number in numbers))
    return +seen


def test_a_group_costs_the_same_whatever_its_size(
    bus: FakeBus, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"*": {"notes": {"HOOK": "tests.unit.order_status.listener.Listener"}}}}
    small, large = cost(bus, monkeypatch, 0, 2), cost(bus, monkeypatch, 100, 40)
    assert small == large
    assert sum(small.values()) == 7, small  # three reads; orders, lines, events; calls
