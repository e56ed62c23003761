"""What a seed decides: who sells what to whom, and what goes wrong when. A pure function of the seed."""
from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from commerce_events.testing import builders
from commerce_events.topics import ORDER_PAID_TYPE, ORDER_REFUNDED_TYPE

AT = datetime(2026, 1, 1, tzinfo=UTC)
COURSES = tuple(f"course-v1:TestX+C{number}+2026" for number in range(3))
OFFERED = ("audit", "honor", "verified", "professional")
SOURCES = ("shop", "kiosk")
LEARNERS = 4
#: Part of every learner's e-mail address: what must not be found in a log or a result (I11).
CANARY = "canary-in-the-mine"
#: Seconds in which stores sell and faults happen; the first faults wait until the processes are up.
WINDOW, CALM = 9.0, 2.5

#: What each consumer of a run does; a run takes some of them.
CREWS = (
    ((), ()),
    ((), (), ("--only", "handle", "--only", "relay")),
    (("--only", "intake"), ("--only", "handle"), ("--only", "relay"), ()),
    ((), ("--only", "intake"), ("--only", "relay")),
    (("--concurrency", "3"), ()),
)
#: Kinds of faults → how often each is drawn. The names are those of ``faults.FAULTS``.
KINDS = {
    "consumer killed": 8, "consumer dies at a point": 8, "consumer paused": 3, "consumer told to stop": 3,
    "consumer told twice": 1, "all consumers killed": 3, "killer loop": 4, "rolling restart": 1, "store killed": 3,
    "broker killed": 3, "leader killed": 2, "coordinator killed": 2, "broker paused": 2, "all brokers killed": 1,
    "broker slow": 2, "broker half-open": 2, "broker reset": 4, "partitions raised": 1,
    "database killed": 3, "database reset": 4, "database half-open": 2, "database slow": 2, "commits cut": 4,
    "sessions ended": 3, "database frozen": 2, "database restored": 2,
    "registry refuses": 2, "registry half-open": 1, "registry slow": 1,
}  # fmt: skip


class Sale(NamedTuple):
    """What a store publishes, and when. ``kind`` is an event type, or the name of a poison."""

    at: float
    store: int
    kind: str
    body: dict[str, Any]


class Fault(NamedTuple):
    """What goes wrong: when, to which of several, and for how long."""

    at: float
    kind: str
    which: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.at:5.2f} s  {self.kind} (#{self.which}, {self.seconds:.1f} s)"


@dataclass(frozen=True)
class Plan:
    """Everything that a seed decides; the interleaving of real processes is not in anybody's hand."""

    seed: int
    database: str
    crew: tuple[tuple[str, ...], ...]
    straight: bool
    sales: tuple[Sale, ...]
    faults: tuple[Fault, ...]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The events that were sold, for the sequential model."""
        return [(sale.kind, next(iter(sale.body.values()))) for sale in self.sales if sale.kind in _TYPES]

    def __str__(self) -> str:
        crew = ", ".join(" ".join(flags) or "all stages" for flags in self.crew)
        head = f"seed {self.seed}: {self.database}, {len(self.sales)} messages; {crew}"
        return "\n".join([head, *map(str, self.faults)])


_TYPES = (ORDER_PAID_TYPE, ORDER_REFUNDED_TYPE)
POISONS = ("random bytes", "truncated", "wrong magic", "unknown schema", "tombstone", "no headers", "no key", "large")


def plan(seed: int, orders: int = 30) -> Plan:
    """The plan of a seed. Even seeds run on PostgreSQL, odd ones on MariaDB."""
    draw = Random(seed)
    events = [event for number in range(orders) for event in _order(draw, number)]
    events += draw.choices(events, k=draw.randint(0, len(events)))  # sent again: another send of the same content
    sales = [
        Sale(round(draw.uniform(0, WINDOW), 2), SOURCES.index(_source(body)), kind, _again(body, number))
        for number, (kind, body) in enumerate(events)
    ]
    if draw.random() < 0.4:
        sales += [
            Sale(round(draw.uniform(0, WINDOW), 2), draw.randrange(2), draw.choice(POISONS), {"number": number})
            for number in range(draw.randint(1, 6))
        ]
    faults = [
        Fault(round(draw.uniform(CALM, WINDOW), 2), kind, draw.randrange(60), round(draw.uniform(0.5, 4.0), 1))
        for kind in draw.choices(list(KINDS), list(KINDS.values()), k=draw.randint(2, 7))
    ]
    # a restore needs a backup, which is a little older
    faults += [
        Fault(round(max(0.5, each.at - 3), 2), "database backed up", 0, 0) for each in faults if "restored" in each.kind
    ]
    return Plan(
        seed, ("postgresql", "mariadb")[seed % 2], draw.choice(CREWS), draw.random() < 0.7,
        tuple(sorted(sales, key=_at)), tuple(sorted(faults)),
    )  # fmt: skip


def _order(draw: Random, number: int) -> list[tuple[str, dict[str, Any]]]:
    """An order of one to three lines, later perhaps one more, and its refunds."""
    order_id, source = f"o{number}", draw.choice(SOURCES)
    learner = draw.randint(1, LEARNERS)
    buyer = {"lms_user_id": learner, "email": f"{CANARY}-{learner}@example.com"}
    lines = [
        builders.line(f"l{at}", draw.choice(COURSES), draw.choice(OFFERED[1:]), quantity=draw.choice((1, 1, 2)))
        for at in range(draw.randint(1, 3))
    ]
    told = [(ORDER_PAID_TYPE, builders.order_paid(order_id, source=source, lines=lines, at=AT, **buyer))]
    if draw.random() < 0.2:
        lines = [*lines, builders.line("late", draw.choice(COURSES), "verified")]
        told.append(
            (ORDER_PAID_TYPE, builders.order_paid(order_id, source=source, lines=lines, at=AT, revision=1, **buyer))
        )
    for at in range(draw.choice((0, 0, 1, 2))):
        taken = [_refunded(draw, line) for line in lines if draw.random() < 0.6]
        whole = draw.random() < 0.3
        told.append((ORDER_REFUNDED_TYPE, builders.order_refunded(
            order_id, source=source, refund_id=f"r{at}", lines=taken, is_full=whole, at=AT,
            access_hint=draw.choice(("default", "default", "default", "keep", "downgrade", "deactivate")),
        )))  # fmt: skip
    return told


def _refunded(draw: Random, line: dict[str, Any]) -> dict[str, Any]:
    total = draw.randint(1, line["quantity"])
    return builders.refund_line(line["line_id"], total, ordered_quantity=line["quantity"])


def _again(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Each send has a time of its own."""
    copy = deepcopy(body)
    (content,) = copy.values()
    content["occurred_at"] = f"2026-01-02T00:00:{number % 60:02}.000000+00:00"
    return copy


def _source(body: dict[str, Any]) -> str:
    (content,) = body.values()
    return str(content["source"])


def _at(sale: Sale) -> float:
    return sale.at
