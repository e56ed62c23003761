"""The comparison with the stock loop: its rows are runs that the laboratory knows, and its counts can count."""
from __future__ import annotations

import pytest

from tests.faults.stock import is_void
from tests.faults.stock_rows import ROWS, planned
from tests.faults.stock_run import Beside, consumed, out_of_order, silence


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_made_of_known_faults(name: str) -> None:
    chosen = planned(ROWS[name], 7)
    assert chosen.faults and {fault.kind for fault in chosen.faults} <= set(Beside.faults)
    assert chosen == planned(ROWS[name], 7)


def test_an_event_that_was_received_and_not_handled_is_lost() -> None:
    found = consumed(sent=["a", "b", "c", "a"], left=["c"], answered=["a", "z"], handled=["a"])
    assert found == {
        "events": 3, "lost": 1, "left": 1, "repeated": 0, "results lost": 0, "results of nothing": 1,
    }  # fmt: skip


def test_an_event_is_repeated_when_it_was_handled_more_often_than_sent() -> None:
    found = consumed(sent=["a", "a", "b"], left=[], answered=["a"], handled=["a", "a", "b", "b"])
    assert (found["repeated"], found["results lost"], found["lost"]) == (1, 1, 0)


def test_orders_are_out_of_order_by_what_came_of_them() -> None:
    right = ["x 0", "y 0", "x 1", "x 2"]
    assert out_of_order(right, ["y 0", "x 0", "x 1", "x 0", "x 2"]) == 0
    assert out_of_order(right, ["x 1", "x 2"]) == 0, "what never came is lost, not out of order"
    assert out_of_order(right, ["x 0", "x 3", "x 1", "z 0"]) == 0, "what was never sent has no place in an order"
    assert out_of_order(right, ["x 0", "x 2", "x 1", "y 0"]) == 1


def test_the_longest_silence_is_between_two_events() -> None:
    assert silence([]) == silence([5.0]) == 0.0
    assert silence([1.0, 4.5, 2.0]) == 2.5


def test_a_run_counts_if_the_faults_met_the_stock_loop() -> None:
    stock = {"lost": 0, "left": 0, "repeated": 0, "results lost": 0, "first": 1.0}
    assert not is_void({"fault": "database killed", "stock": stock})
    assert is_void({"fault": "database killed", "stock": {**stock, "first": 9.0}})
    assert is_void({"fault": "database killed", "stock": stock, "skipped": ["database killed"]})
    assert not is_void({"fault": "database killed", "stock": {**stock, "first": 9.0, "lost": 1}})
    assert not is_void({"fault": "database killed", "stock": {**stock, "first": None, "lost": 9}})
