"""Small worlds for hypothesis: courses, orders, refunds, and what other people do in between.

A ``World`` is a list of phases. A phase begins with external facts, then its events arrive – in any order, any number
of times. What a person at the console does – retry, approve, discard – is such a point, too: a phase of its own. Events
are ``(event_type, data)`` as the contract has them, so the same worlds run through the pure rules, and through the real
handler on a real database.

Every world has two learners, two courses, and two orders of the same learner for the same course.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from consumers.fulfillment.rules.decide import (
    LEARNER_LEFT,
    LINES_DISCARDED,
    LINES_EXPIRED,
    ORDER_PAID,
    ORDER_REFUNDED,
    ORDER_RESUME,
)

#: Two stores: the second may not force a closed enrollment window.
SOURCE, STRICT = "shop", "strict"
COURSES = ("course-v1:Test+A+1", "course-v1:Test+B+1")
#: A course of which entitlements are sold; its runs are those two.
UUID = "6f1b9f6e-5c1c-4c0a-9a57-2f1c6f0b7a11"
LATE_EMAIL = "learner@example.com"  # nobody has it until the fact ``Registered``
LATE_USER = 3
FIRST, SECOND, LATE = {"lms_user_id": 1}, {"lms_user_id": 2}, {"email": LATE_EMAIL}
#: Most of what happens should happen to one learner in one course; the others are there to be mixed up with them.
LEARNERS = st.sampled_from((FIRST, FIRST, FIRST, SECOND, LATE))
CROWDED = st.sampled_from((*COURSES, *COURSES[:1] * 3))
AT = "2026-01-01T00:00:00.000000+00:00"
#: The clock of worlds: later than any real one, so that on a real database everything inserted is due.
SPRING, DEADLINE, SUMMER, WINTER = (datetime(2100, month, 1, tzinfo=UTC) for month in (3, 4, 5, 12))
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
    """An account with this e-mail exists from now on, or is activated, or is retired."""

    email: str
    lms_user_id: int
    is_active: bool = True
    is_retired: bool = False


class Capacity(NamedTuple):
    """A course is full, or no longer."""

    course_key: str
    is_full: bool


class Embargo(NamedTuple):
    """A learner may not enter a course from where the profile says they live, or may again."""

    lms_user_id: int
    course_key: str
    is_embargoed: bool


class Certified(NamedTuple):
    """A certificate was earned."""

    lms_user_id: int
    course_key: str


class Clock(NamedTuple):
    """Time has passed."""

    now: datetime


Fact = SeatSet | Registered | Capacity | Embargo | Certified | Clock


def told(event: Event) -> str:
    """One event in one short line, for a counterexample that can be read."""
    event_type, data = event
    if event_type == ORDER_PAID:
        lines = ", ".join(f"{sold['line_id']}={sold['quantity']} {sold['mode']} in {(sold['course_key'] or 'any')[-3:]}"
                          f"{' as a gift' if 'beneficiary' in sold else ''}" for sold in data["lines"])
        buyer = data["learner"].get("lms_user_id", "late")
        return f"{data['order_id']} paid by {buyer} on {data['paid_at'][:10]} rev {data['revision']}: {lines}"
    if event_type == ORDER_REFUNDED:
        lines = ", ".join(f"{taken['line_id']} to {taken['refunded_total']}" for taken in data["lines"])
        full = "full " if data["is_full"] else ""
        return f"{data['order_id']} {full}{data['refund_kind']} {data['refund_id']} {data['access_hint']}: {lines}"
    return f"{event_type} {data}"


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
    certificate_policy: str = "revoke"
    ends: dict[str, datetime | None] = field(default_factory=dict)  # course → when enrollment closes
    invited: frozenset[str] = frozenset()  # courses by invitation only
    expires: dict[str, datetime | None] = field(default_factory=dict)  # course → when ``verified`` expires
    runs: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)  # what an entitlement could upgrade


def source_of(order_id: str) -> str:
    """Orders of the strict store are named ``s…``."""
    return STRICT if order_id.startswith("s") else SOURCE


def line(line_id: str, course_key: str, mode: str, quantity: int = 1) -> dict[str, Any]:
    return {"line_id": line_id, "product_kind": "course_seat", "course_key": course_key, "mode": mode,
            "quantity": quantity}


def entitlement(line_id: str, mode: str, quantity: int = 1) -> dict[str, Any]:
    return {"line_id": line_id, "product_kind": "course_entitlement", "course_key": None, "course_uuid": UUID,
            "mode": mode, "quantity": quantity}


def _head(order_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    source = fields.get("source") or source_of(order_id)
    return {"source": source, "order_id": order_id, "order_key": f"{source}:{order_id}", "order_number": order_id,
            "occurred_at": AT, "is_test": False}


def order(order_id: str, learner: dict[str, Any], lines: list[dict[str, Any]], revision: int = 0,
          **fields: Any) -> Event:
    return ORDER_PAID, {
        **_head(order_id, fields), "revision": revision, "paid_at": AT, "email_opt_in": False,
        "learner": {"email_verified": False, **learner}, "lines": lines, **fields}


def refund_line(line_id: str, total: int, quantity: int = 1, ordered: int = 1) -> dict[str, Any]:
    return {"line_id": line_id, "quantity": quantity, "refunded_total": total, "ordered_quantity": ordered}


def refund(order_id: str, refund_id: str, lines: list[dict[str, Any]] | None = None, **fields: Any) -> Event:
    return ORDER_REFUNDED, {
        **_head(order_id, fields), "refund_id": refund_id, "refund_kind": "refund", "is_full": False,
        "refunded_at": AT, "access_hint": "default", "learner": {"email_verified": False}, "lines": lines or [],
        **fields}


def left(order_id: str, fact: SeatSet) -> Event:
    return LEARNER_LEFT, {"order_key": f"{source_of(order_id)}:{order_id}", "lms_user_id": fact.lms_user_id,
                          "course_key": fact.course_key, "initiator": "learner"}


def resume(order_id: str, **fields: Any) -> Event:
    return ORDER_RESUME, {"order_key": f"{source_of(order_id)}:{order_id}", **fields}


HINTS = st.sampled_from(["default", "default", "keep", "downgrade", "deactivate"])


@dataclass
class Story:
    """What is told of one order."""

    order_id: str
    paid: list[Event]
    refunds: list[Event]
    is_late: bool  # somebody in it has no account yet


@st.composite
def stories(draw: st.DrawFn, order_id: str, learner: dict[str, Any], course_key: str) -> Story:
    """One order; its first line is for this learner in this course."""
    lines = []
    for n in range(draw(st.integers(1, 3))):
        mode, quantity = draw(st.sampled_from(("verified", *OFFERED[::-1]))), draw(st.sampled_from((1, 1, 2)))
        if n and draw(st.integers(0, 3)) == 0:
            sold = entitlement(f"l{n}", mode, quantity)
        else:
            sold = line(f"l{n}", draw(CROWDED) if n else course_key, mode, quantity)
        if n and draw(st.integers(0, 5)) == 0:  # a gift
            sold["beneficiary"] = {"email_verified": False, **draw(LEARNERS)}
        lines.append(sold)
    paid_at = draw(st.sampled_from((SPRING, SUMMER))).isoformat()
    paid = [order(order_id, learner, lines, paid_at=paid_at)]
    if len(lines) > 1 and draw(st.booleans()):  # the last lines came with a later revision
        cut = draw(st.integers(1, len(lines) - 1))
        later = lines[cut:] if draw(st.booleans()) else lines
        paid = [order(order_id, learner, lines[:cut], paid_at=paid_at),
                order(order_id, learner, later, revision=1, paid_at=paid_at)]
    refunds = []
    for n in range(draw(st.integers(0, 2))):
        taken: list[dict[str, Any]] = []
        if draw(st.integers(0, 3)):
            taken = [refund_line(sold["line_id"], draw(st.integers(1, sold["quantity"])), ordered=sold["quantity"])
                     for sold in lines if draw(st.booleans())]
        refunds.append(refund(order_id, f"r{n}", taken, is_full=draw(st.sampled_from((False, False, True))),
                              refund_kind=draw(st.sampled_from(("refund", "refund", "refund", "chargeback"))),
                              access_hint=draw(HINTS)))
    everybody = [learner, *(sold.get("beneficiary", {}) for sold in lines)]
    return Story(order_id, paid, refunds, any(who.get("email") == LATE_EMAIL for who in everybody))


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    course_key, user = draw(CROWDED), draw(st.sampled_from((1, 1, 2)))
    kind = draw(st.integers(0, 9))
    if kind < 2:
        return Capacity(course_key, draw(st.sampled_from((True, True, False))))
    if kind == 2:
        return Embargo(user, course_key, draw(st.sampled_from((True, True, False))))
    if kind < 5:
        return Certified(user, course_key)
    mode = draw(st.sampled_from((None, None, "audit", "honor", "verified", "masters", UNRANKED)))
    return SeatSet(user, course_key, mode)


@st.composite
def courses(draw: st.DrawFn) -> World:
    """What the platform offers, and what the site chose."""
    offers = st.sampled_from((OFFERED, OFFERED, OFFERED[1:], OFFERED[2:], ("audit", "verified")))
    deadline = st.sampled_from((None, None, DEADLINE))
    runs = st.sampled_from(((), COURSES[:1], COURSES[:1], COURSES[1:], COURSES))
    return World(
        {course_key: draw(offers) for course_key in COURSES},
        draw(st.sampled_from(("default", "default", "keep", "downgrade", "deactivate"))),
        certificate_policy=draw(st.sampled_from(("revoke", "hold", "hold", "keep"))),
        ends={course_key: draw(deadline) for course_key in COURSES},
        invited=frozenset(COURSES[1:] if draw(st.integers(0, 3)) == 0 else ()),
        expires={course_key: draw(deadline) for course_key in COURSES},
        runs={(user, UUID): draw(runs) for user in (1, 2, LATE_USER)},
    )


@st.composite
def worlds(draw: st.DrawFn, max_more: int = 1) -> World:
    """A small world; its phases hold each event once."""
    world = draw(courses())
    number = draw(st.integers(1, 3))
    world.phases = [Phase(draw(st.lists(facts(), max_size=2)), []) for _ in range(number)]
    buyers = [("o0", FIRST, COURSES[0]), ("o1", FIRST, COURSES[0]), ("s2", SECOND, COURSES[1])]
    buyers += [(f"s{n}" if draw(st.booleans()) else f"o{n}", draw(LEARNERS), draw(CROWDED))
               for n in range(3, 3 + draw(st.integers(0, max_more)))]
    every: list[Story] = []
    for order_id, learner, course_key in buyers:
        story = draw(stories(order_id, learner, course_key))
        every.append(story)
        for event in story.paid + story.refunds:
            world.phases[draw(st.integers(0, number - 1))].events.append(event)
        for one in world.phases:
            one.events += [left(order_id, fact) for fact in one.facts
                           if isinstance(fact, SeatSet) and fact.mode is None and draw(st.booleans())]
        if draw(st.integers(0, 3)) == 0:  # something is looked at once more
            world.phases[draw(st.integers(0, number - 1))].events.append(resume(order_id))
    _account(draw, world, [story for story in every if story.is_late])
    _clock(draw, world)
    for at in sorted((draw(st.integers(1, number)) for _ in range(draw(st.integers(0, 2)))), reverse=True):
        world.phases.insert(at, Phase([], [draw(acts(every))]))
    return world


def _account(draw: st.DrawFn, world: World, late: list[Story]) -> None:
    """The late learner registers, activates the account, retires – each, or not, in this order."""
    steps = (Registered(LATE_EMAIL, LATE_USER, is_active=False), Registered(LATE_EMAIL, LATE_USER),
             Registered(LATE_EMAIL, LATE_USER, is_retired=True))
    earliest = 0
    for step in steps:
        earliest = draw(st.integers(earliest, len(world.phases)))  # this phase, or never
        if earliest < len(world.phases) and draw(st.integers(0, 3)):
            world.phases[earliest].facts.append(step)
            world.phases[earliest].events += [resume(story.order_id) for story in late]


def _clock(draw: st.DrawFn, world: World) -> None:
    """Time passes, never back; what waited half a year by then is given up."""
    times = sorted(draw(st.sampled_from((SPRING, SPRING, SUMMER, WINTER))) for _ in world.phases)
    for n, (phase, now) in enumerate(zip(world.phases, times, strict=True)):
        phase.facts.append(Clock(now))
        if now == WINTER and n and times[n - 1] != WINTER:
            lines: dict[str, set[str]] = {}
            for event_type, data in (event for earlier in world.phases[:n] for event in earlier.events):
                if event_type == ORDER_PAID:
                    lines.setdefault(data["order_key"], set()).update(sold["line_id"] for sold in data["lines"])
            phase.events += [(LINES_EXPIRED, {"order_key": key, "line_ids": sorted(line_ids)})
                             for key, line_ids in lines.items()]


@st.composite
def acts(draw: st.DrawFn, every: list[Story]) -> Event:
    """What a person at the console does: retry, approve a held refund, discard."""
    story = draw(st.sampled_from(every))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return LINES_DISCARDED, {**resume(story.order_id)[1], "refund_id": "r0"}
    if kind == 1:
        return resume(story.order_id, is_retry=True, refund_id="r0", is_approved=True)
    if kind == 2:
        return resume(story.order_id, is_retry=True, order=story.paid[0][1])
    return resume(story.order_id, is_retry=True)


@st.composite
def deliveries(draw: st.DrawFn, world: World) -> list[Phase]:
    """The phases of a world as they arrive: shuffled and repeated."""
    phases = []
    for phase in world.phases:
        repeated = draw(st.lists(st.sampled_from(phase.events), max_size=3)) if phase.events else []
        phases.append(Phase(phase.facts, draw(st.permutations(phase.events + repeated))))
    return phases
