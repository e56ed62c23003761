"""The table of states: what the rules do stands in it, and what stands in it they do."""
from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from consumers.fulfillment.rules.decision import Decision
from consumers.fulfillment.rules.machine import CAUSES, CHANGE, RETRY, STATES, TRANSITIONS, state_of

from .memory import Memory
from .strategies import Event, deliveries, worlds

TABLE = {(before, cause, after) for before, cause, after, _ in TRANSITIONS}
Move = tuple[str, str, str]


class Watched(Memory):
    """Notes each move of each line, with the event that caused it."""

    def __init__(self, *args: Any, seen: Counter[Move], **policy: Any) -> None:
        super().__init__(*args, **policy)
        self.seen = seen

    def deliver(self, *group: Event) -> list[Decision]:
        decisions: list[Decision] = []
        for event in group:
            before = {key: state_of(grant) for key, grant in self.grants.items()}
            decisions += super().deliver(event)
            for key, grant in self.grants.items():
                move = before.get(key, "unknown"), cause_of(event), state_of(grant)
                if move[2] == "overridden":
                    move = move[0], CHANGE, move[2]
                if key[1] and move[0] != move[2]:
                    self.seen[move] += 1
        return decisions


def cause_of(event: Event) -> str:
    event_type, data = event
    return RETRY if data.get("is_retry") else CAUSES[event_type]


def test_the_table_speaks_of_the_states_it_explains_and_of_each_move_once() -> None:
    assert len(TABLE) == len(TRANSITIONS)
    assert {state for before, _, after in TABLE for state in (before, after)} == set(STATES)
    assert {cause for _, cause, _ in TABLE} == {*CAUSES.values(), RETRY, CHANGE}


@pytest.mark.slow
def test_the_rules_make_every_move_of_the_table_and_no_other() -> None:
    seen: Counter[Move] = Counter()

    @settings(max_examples=4000, deadline=None, database=None, derandomize=True, phases=[Stage.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def live(data: st.DataObject) -> None:
        world = data.draw(worlds())
        memory = Watched(world, seen=seen)
        for phase in data.draw(deliveries(world)):
            for fact in phase.facts:
                memory.happen(fact)
            for event in phase.events:
                memory.deliver(event)

    live()
    assert set(seen) - TABLE == set(), "the rules do what the table does not say"
    assert TABLE - set(seen) == set(), "the table says what the rules never do"
