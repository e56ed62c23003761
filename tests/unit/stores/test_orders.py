"""What one order's deliveries leave in the database, whoever brings them and however many at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections

from commerce_events.exceptions import ContractError
from commerce_events.stores import orders
from commerce_events.stores.models import Notice, StoreOrder
from tests.unit.stores.tiny import order_of, picture
from tests.unit.stores.told import kinds, told

NOW = datetime(2026, 5, 2, tzinfo=UTC)


def refunded(order_id: str = "77", count: int = 1) -> Any:
    refunds = [{"id": f"r{number}", "quantity": 1} for number in range(1, count + 1)]
    return picture({**order_of(order_id, quantity=3), "refunds": refunds})


def test_what_is_missing_goes_out_once(database: Any) -> None:
    assert len(orders.apply("shop", refunded(count=1), NOW)) == 2
    assert orders.apply("shop", refunded(count=1), NOW) == ()
    assert len(orders.apply("shop", refunded(count=2), NOW)) == 1
    assert orders.apply("shop", refunded(count=0), NOW) == ()
    assert [(key, content["type"]) for key, content in told()] == [
        ("shop:77", "paid"), ("shop:77", "refunded"), ("shop:77", "refunded"),
    ]  # fmt: skip


def test_an_order_nobody_paid_leaves_nothing(database: Any) -> None:
    assert orders.apply("shop", picture({**order_of("77"), "paid": False}), NOW) == ()
    assert not StoreOrder.objects.exists()


def test_an_id_with_a_colon_is_an_order_of_its_own_store(database: Any) -> None:
    orders.apply("shop", refunded("b:1", 0), NOW)
    orders.apply("shop", refunded("b", 0), NOW)
    assert [key for key, _ in told()] == ["shop:b:1", "shop:b"]
    assert sorted(StoreOrder.objects.values_list("source", "order_id")) == [("shop", "b"), ("shop", "b:1")]


def test_ids_that_a_collation_calls_alike_are_two_orders(database: Any) -> None:
    for order_id in ("a1B2", "a1b2", "a1b2 "):
        orders.apply("shop", refunded(order_id, 0), NOW)
    assert [key for key, _ in told()] == ["shop:a1B2", "shop:a1b2", "shop:a1b2 "]


def test_a_notice_is_told_once(database: Any) -> None:
    nobody = picture({**order_of("77"), "email": ""})
    orders.apply("shop", nobody, NOW)
    orders.apply("shop", nobody, NOW)
    assert [(notice.order_id, notice.code) for notice in Notice.objects.all()] == [("77", "learner_missing")]
    assert told() == []
    orders.note("shop", "77", [], NOW)
    assert Notice.objects.count() == 1


def test_what_breaks_the_contract_leaves_nothing_behind(database: Any) -> None:
    with pytest.raises(ContractError):
        orders.apply("shop", refunded("x" * 129), NOW)
    assert told() == []
    assert not StoreOrder.objects.exists()


@pytest.mark.parametrize("is_new", [True, False])
def test_of_many_at_once_each_event_goes_out_once_and_in_order(database: Any, is_new: bool) -> None:
    if not is_new:
        orders.apply("shop", refunded(count=0), NOW)
    gate, failures = threading.Barrier(6), []

    def deliver(count: int) -> None:
        try:
            gate.wait(10)
            orders.apply("shop", refunded(count=count), NOW)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver, args=(number % 4,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert kinds() == ["paid", "refunded", "refunded", "refunded"]
    assert [content["refund_id"] for _, content in told()[1:]] == ["r1", "r2", "r3"]
    assert StoreOrder.objects.count() == 1
