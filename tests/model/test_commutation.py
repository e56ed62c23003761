"""The property at the top of the rules: order and repetition of events change nothing in the end."""
from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .memory import Memory
from .sequential import expected
from .strategies import Phase, World, deliveries, worlds


def run(world: World, phases: list[Phase]) -> Memory:
    memory = Memory(world)
    for phase in phases:
        for fact in phase.facts:
            memory.happen(fact)
        for event in phase.events:
            memory.deliver(event)
    return memory


def same_end(world: World, phases: list[Phase]) -> None:
    memory, model = run(world, phases).end(), expected(world)
    assert memory.seats == model.seats
    assert memory.live == model.live
    assert memory.totals == model.totals


@settings(max_examples=int(os.environ.get("N", "300")), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_any_order_and_any_repetition_ends_as_the_sequential_model(data: st.DataObject) -> None:
    world = data.draw(worlds())
    same_end(world, data.draw(deliveries(world)))


@settings(max_examples=30, deadline=None)
@given(worlds(max_orders=2))
def test_everything_ten_times_ends_the_same(world: World) -> None:
    same_end(world, [Phase(phase.facts, phase.events * 10) for phase in world.phases])
