"""Small worlds for hypothesis: courses, orders, refunds, and what other people do in between.

A ``World`` is a list of phases. A phase begins with external facts, then its events arrive – in any order, any number
of times. Events are ``(event_type, data)`` as the contract has them, so the same worlds run through the pure rules, and
through the real handler on a real database.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from consumers.fulfillment.rules.decide import LEARNER_LEFT, ORDER_PAID, ORDER_REFUNDED, ORDER_RESUME

SOURCE = "shop"
COURSES = ("course-v1:Test+A+1", "course-v1:Test+B+1")
LATE_EMAIL = "learner@example.com"  # nobody has it until the fact ``Registered``
LATE_USER = 3
FIRST, SECOND, LATE = {"lms_user_id": 1}, {"lms_user_id": 2}, {"email": LATE_EMAIL}
#: Most of what happens should happen to one learner in one course; the others are there to be mixed up with them.
LEARNERS = st.sampled_from((FIRST, FIRST, FIRST, SECOND, LATE))
CROWDED = st.sampled_from((*COURSES, *COURSES[:1] * 3))
AT = "2026-01-01T00:00:00.000000+00:00"
#: What a course may offer; ``honor`` and ``masters`` are also what staff may set although the course lacks them.
OFFERED = ("audit", "honor", "verified", "professional")
UNRANKED = "executive-education"

Event = tuple[str, dict[str, Any]]


class SeatSet(NamedTuple):
    """Staff, the learner or another system sets an enrollment; mode None deactivates it."""

    lms_user_id: int
    course_key: str
    mode: str | None


class Registered(NamedTuple):
    """An account with this e-mail exists and is active from now on."""

    email: str
    lms_user_id: int


class Capacity(NamedTuple):
    """A course is full, or no longer."""

    course_key: str
    is_full: bool


Fact = SeatSet | Registered | Capacity


def told(event: Event) -> str:
    """One event in one short line, for a counterexample that can be read."""
    event_type, data = event
    if event_type == ORDER_PAID:
        lines = ", ".join(f"{sold['line_id']}={sold['quantity']} {sold['mode']} in {sold['course_key'][15]}"
                          for sold in data["lines"])
        buyer = data["learner"].get("lms_user_id", "late")
        return f"{data['order_id']} paid by {buyer} rev {data['revision']}: {lines}"
    if event_type == ORDER_REFUNDED:
        lines = ", ".join(f"{taken['line_id']} to {taken['refunded_total']}" for taken in data["lines"])
        full = "full " if data["is_full"] else ""
        return f"{data['order_id']} {full}{data['refund_kind']} {data['refund_id']} {data['access_hint']}: {lines}"
    return f"{event_type} {data['order_key']}"


@dataclass
class Phase:
    facts: list[Fact]
    events: list[Event]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # how hypothesis shows a counterexample
        printer.text("\n    ".join(["phase", *map(str, self.facts), *map(told, self.events)]))


@dataclass
class World:
    modes: dict[str, Sequence[str]]  # course → modes it offers
    refund_policy: str = "default"
    phases: list[Phase] = field(default_factory=list)


def line(line_id: str, course_key: str, mode: str, quantity: int = 1) -> dict[str, Any]:
    return {"line_id": line_id, "product_kind": "course_seat", "course_key": course_key, "mode": mode,
            "quantity": quantity}


def order(order_id: str, learner: dict[str, Any], lines: list[dict[str, Any]], revision: int = 0,
          **fields: Any) -> Event:
    return ORDER_PAID, {
        "source": SOURCE, "order_id": order_id, "order_key": f"{SOURCE}:{order_id}", "order_number": order_id,
        "revision": revision, "paid_at": AT, "occurred_at": AT, "is_test": False, "email_opt_in": False,
        "learner": {"email_verified": False, **learner}, "lines": lines, **fields}


def refund_line(line_id: str, total: int, quantity: int = 1, ordered: int = 1) -> dict[str, Any]:
    return {"line_id": line_id, "quantity": quantity, "refunded_total": total, "ordered_quantity": ordered}


def refund(order_id: str, refund_id: str, lines: list[dict[str, Any]] | None = None, **fields: Any) -> Event:
    return ORDER_REFUNDED, {
        "source": SOURCE, "order_id": order_id, "order_key": f"{SOURCE}:{order_id}", "order_number": order_id,
        "refund_id": refund_id, "refund_kind": "refund", "is_full": False, "refunded_at": AT, "occurred_at": AT,
        "access_hint": "default", "is_test": False, "learner": {"email_verified": False}, "lines": lines or [],
        **fields}


def left(order_id: str, fact: SeatSet) -> Event:
    return LEARNER_LEFT, {"order_key": f"{SOURCE}:{order_id}", "lms_user_id": fact.lms_user_id,
                          "course_key": fact.course_key, "initiator": "learner"}


def resume(order_id: str) -> Event:
    return ORDER_RESUME, {"order_key": f"{SOURCE}:{order_id}"}


HINTS = st.sampled_from(["default", "default", "keep", "downgrade", "deactivate"])


@st.composite
def orders(draw: st.DrawFn, order_id: str) -> tuple[list[Event], bool]:
    """The events of one order, and whether somebody in it has no account yet."""
    learner = draw(LEARNERS)
    lines = [
        line(f"l{n}", draw(CROWDED), draw(st.sampled_from(("verified", *OFFERED[::-1]))), draw(st.sampled_from((1, 2))))
        for n in range(draw(st.integers(1, 3)))
    ]
    for sold in lines:
        if draw(st.integers(0, 5)) == 0:  # a gift
            sold["beneficiary"] = {"email_verified": False, **draw(LEARNERS)}
    events = [order(order_id, learner, lines)]
    if len(lines) > 1 and draw(st.booleans()):  # the last lines came with a later revision
        cut = draw(st.integers(1, len(lines) - 1))
        later = lines[cut:] if draw(st.booleans()) else lines
        events = [order(order_id, learner, lines[:cut]), order(order_id, learner, later, revision=1)]
    for n in range(draw(st.integers(0, 2))):
        taken: list[dict[str, Any]] = []
        if draw(st.integers(0, 3)):
            taken = [refund_line(sold["line_id"], draw(st.integers(1, sold["quantity"])), ordered=sold["quantity"])
                     for sold in lines if draw(st.booleans())]
        events.append(refund(order_id, f"r{n}", taken, is_full=draw(st.sampled_from((False, False, True))),
                             refund_kind=draw(st.sampled_from(("refund", "refund", "refund", "chargeback"))),
                             access_hint=draw(HINTS)))
    return events, any(LATE_EMAIL in (learner.get("email"), sold.get("beneficiary", {}).get("email")) for sold in lines)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    course_key = draw(CROWDED)
    if draw(st.integers(0, 2)) == 0:
        return Capacity(course_key, draw(st.sampled_from((True, True, False))))
    mode = draw(st.sampled_from((None, None, "audit", "honor", "verified", "masters", UNRANKED)))
    return SeatSet(draw(st.sampled_from((1, 1, 2))), course_key, mode)


@st.composite
def worlds(draw: st.DrawFn, max_orders: int = 3, max_phases: int = 3) -> World:
    """A small world; its phases hold each event once."""
    offers = st.sampled_from((OFFERED, OFFERED, OFFERED[1:], OFFERED[2:], ("audit", "verified")))
    world = World({course_key: draw(offers) for course_key in COURSES},
                  draw(st.sampled_from(("default", "default", "keep", "downgrade", "deactivate"))))
    number = draw(st.integers(1, max_phases))
    world.phases = [Phase(draw(st.lists(facts(), max_size=2)), []) for _ in range(number)]
    registered = draw(st.integers(0, number))  # this phase, or never
    if registered < number:
        world.phases[registered].facts.append(Registered(LATE_EMAIL, LATE_USER))
    for n in range(draw(st.integers(1, max_orders))):
        events, is_late = draw(orders(f"o{n}"))
        for event in events:
            world.phases[draw(st.integers(0, number - 1))].events.append(event)
        if is_late and registered < number:
            world.phases[registered].events.append(resume(f"o{n}"))
        for phase in world.phases:
            phase.events += [left(f"o{n}", fact) for fact in phase.facts
                             if isinstance(fact, SeatSet) and fact.mode is None and draw(st.booleans())]
        if draw(st.integers(0, 3)) == 0:  # a person asks to try again
            world.phases[draw(st.integers(0, number - 1))].events.append(resume(f"o{n}"))
    return world


@st.composite
def deliveries(draw: st.DrawFn, world: World) -> list[Phase]:
    """The phases of a world as they arrive: shuffled and repeated."""
    phases = []
    for phase in world.phases:
        repeated = draw(st.lists(st.sampled_from(phase.events), max_size=3)) if phase.events else []
        phases.append(Phase(phase.facts, draw(st.permutations(phase.events + repeated))))
    return phases
