"""The model is arithmetic that cannot surprise: more orders never need less, and what must add up does."""
from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.capacity import Choices, Measured, Plan, breaks, plan, with_lines

SITE = Measured(
    process_pace=2000, process_cpu=0.0004, database_cpu=0.0003, broker_cpu=0.0001, relay_pace=20_000, single=0.01,
    lines=2, results=2, rows=6, table_bytes=2000, index_bytes=1000, log_bytes=4000, order_bytes=400, result_bytes=300,
    memory=150e6,
)  # fmt: skip
RATES = st.floats(0.1, 50_000)
#: Larger groups cost fewer commits, so these may fall while the rate grows.
FALLING = {"commits"}


@given(RATES, RATES)
def test_more_orders_never_need_less(one: float, other: float) -> None:
    small, large = plan(SITE, min(one, other)), plan(SITE, max(one, other))
    for part in fields(Plan):
        if part.name not in FALLING:
            assert getattr(small, part.name) <= getattr(large, part.name), part.name


@given(RATES)
def test_nothing_is_planned_beyond_what_it_can_do(rate: float) -> None:
    it, choices = plan(SITE, rate), Choices()
    assert it.processes * SITE.process_pace * choices.busy >= rate
    assert it.relays * SITE.relay_pace * choices.busy >= rate * SITE.results
    assert it.partitions >= 2 * it.processes * choices.lanes, "a process without a partition has nothing to do"
    assert 0 < it.commits <= rate * 1.000001, "no transaction without an order"


@given(st.floats(0.2, 0.9), st.floats(0.2, 0.9))
def test_who_fills_processes_less_needs_more_of_them(one: float, other: float) -> None:
    roomy, tight = (plan(SITE, 5000, Choices(busy=busy)) for busy in sorted((one, other)))
    assert roomy.processes >= tight.processes


def test_units_are_of_a_second_and_of_a_day() -> None:
    it = plan(SITE, 100)
    assert it.rows == 600
    assert it.log == 400_000
    assert it.stored == 100 * 86_400 * 3000
    assert it.kafka_in == 100 * (400 + 2 * 300)
    assert it.kafka_orders == pytest.approx(100 * 400 * 86_400 * 30 * 3)
    assert it.kafka_results == pytest.approx(100 * 2 * 300 * 86_400 * 3)
    assert it.process_cores == pytest.approx(0.04)


def test_what_there_is_one_of_ends_in_the_order_of_its_pace() -> None:
    ends = breaks(SITE)
    assert ends == sorted(ends)
    assert ends[0] == (2000, "one process")
    assert {what: rate for rate, what in ends}["one relay"] == 10_000


def test_longer_orders_cost_more_but_not_in_proportion() -> None:
    short, long = plan(with_lines(SITE, 1), 1000), plan(with_lines(SITE, 5), 1000)
    assert short.rows < long.rows < 5 * short.rows
    assert with_lines(SITE, SITE.lines) == SITE


def test_a_single_order_that_takes_longer_makes_groups_larger() -> None:
    far = replace(SITE, single=0.02)
    assert plan(far, 1000).commits < plan(SITE, 1000).commits
