"""The table of states: what the rules do stands in it, and what stands in it they do."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.fulfillment.rules.decide import LINES_DISCARDED, LINES_EXPIRED, ORDER_ADOPTED
from consumers.fulfillment.rules.decision import Decision
from consumers.fulfillment.rules.machine import CAUSES, CHANGE, RETRY, STATES, TRANSITIONS, state_of

from .memory import Memory
from .strategies import (
    COURSES,
    DEADLINE,
    FIRST,
    LATE,
    LATE_EMAIL,
    LATE_USER,
    OFFERED,
    SPRING,
    SUMMER,
    WINTER,
    Capacity,
    Certified,
    Clock,
    Embargo,
    Event,
    Fact,
    Registered,
    SeatSet,
    World,
    deliveries,
    left,
    line,
    order,
    refund,
    refund_line,
    resume,
    worlds,
)

#: What refunds ask for.
ASKED = ("default", "default", "default", "keep", "deactivate")

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


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_the_worlds_of_the_property_do_stands_in_the_table(data: st.DataObject) -> None:
    seen: Counter[Move] = Counter()
    world = data.draw(worlds())
    memory = Watched(world, seen=seen)
    for phase in data.draw(deliveries(world)):
        for fact in phase.facts:
            memory.happen(fact)
        for event in phase.events:
            memory.deliver(event)
    assert set(seen) <= TABLE


def steps(choose: Random, order_id: str, paid: Event) -> Iterator[Event | Fact]:
    """What may happen next to an order of one line, and to its learner and course."""
    course_key, now = COURSES[0], choose.choice((SPRING, SUMMER, WINTER))
    total = choose.randint(1, 2)
    yield from (paid, paid)
    yield refund(order_id, choose.choice(("r0", "r1")), [refund_line("l0", total)], access_hint=choose.choice(ASKED))
    yield refund(order_id, "r2", is_full=True, access_hint=choose.choice(ASKED),
                 refund_kind=choose.choice(("refund", "refund", "chargeback")))
    yield resume(order_id)
    yield resume(order_id, is_retry=True, order=paid[1])
    yield resume(order_id, is_retry=True, refund_id="r0", is_approved=choose.random() < 0.7)
    yield LINES_EXPIRED, resume(order_id, line_ids=["l0"])[1]
    yield LINES_DISCARDED, resume(order_id, refund_id="r0")[1]
    adopted = {"line_id": "l0", "lms_user_id": 1, "course_key": course_key, "mode": "honor", "paid_at": now.isoformat()}
    yield ORDER_ADOPTED, {"order_key": paid[1]["order_key"], "order_number": order_id, "lines": [adopted]}
    gone = SeatSet(choose.choice((1, 1, LATE_USER)), course_key, None)
    yield gone
    yield left(order_id, gone)
    yield SeatSet(1, course_key, choose.choice(("audit", "honor")))
    yield Capacity(course_key, choose.random() < 0.4)
    yield Embargo(1, course_key, choose.random() < 0.3)
    yield Certified(1, course_key)
    yield Registered(LATE_EMAIL, LATE_USER, is_active=choose.random() < 0.8, is_retired=choose.random() < 0.1)
    yield Clock(now)


def test_the_rules_make_every_move_of_the_table_and_no_other() -> None:
    """Walks at random, always the same ones: few lines, so that much happens to each."""
    seen: Counter[Move] = Counter()
    for seed in range(3000):
        choose = Random(seed)
        world = World({COURSES[0]: OFFERED, COURSES[1]: OFFERED}, certificate_policy=choose.choice(("hold", "keep")),
                      expires={COURSES[0]: choose.choice((None, DEADLINE))})
        memory = Watched(world, seen=seen)
        sold = {order_id: order(order_id, who, [line("l0", COURSES[0], "verified", choose.randint(1, 2))],
                                paid_at=SUMMER.isoformat())
                for order_id, who in (("o0", FIRST), ("o1", choose.choice((FIRST, LATE, LATE))))}
        for _ in range(40):
            order_id = choose.choice(("o0", "o1"))
            step = choose.choice(list(steps(choose, order_id, sold[order_id])))
            if isinstance(step, Fact):
                memory.happen(step)
            else:
                memory.deliver(step)
    assert set(seen) - TABLE == set(), "the rules do what the table does not say"
    assert TABLE - set(seen) == set(), "the table says what the rules never do"
