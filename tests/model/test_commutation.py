"""The property at the top of the rules: order and repetition of events change nothing in the end."""
from __future__ import annotations

from itertools import batched

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .memory import Memory
from .sequential import agree
from .strategies import Phase, World, deliveries, worlds


def same_end(world: World, phases: list[Phase], site: type[Memory] = Memory, group: int = 1) -> None:
    """Deliver the phases to a site, in groups of so many events, and compare its end with the model's."""
    memory = site(world)
    for phase in phases:
        for fact in phase.facts:
            memory.happen(fact)
        for events in batched(phase.events, group):
            memory.deliver(*events)
    agree(world, memory.end())


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_any_order_and_any_repetition_ends_as_the_sequential_model(data: st.DataObject) -> None:
    world = data.draw(worlds())
    same_end(world, data.draw(deliveries(world)), group=data.draw(st.integers(1, 8)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(max_more=0))
def test_everything_ten_times_ends_the_same(world: World) -> None:
    same_end(world, [Phase(phase.facts, phase.events * 10) for phase in world.phases])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_the_worst_order_ends_the_same(world: World) -> None:
    """Refunds first, later revisions before earlier ones."""
    same_end(world, [Phase(phase.facts, phase.events[::-1]) for phase in world.phases])
