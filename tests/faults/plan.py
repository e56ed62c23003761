"""What a seed decides: who sells what to whom, and what goes wrong when. A pure function of the seed."""
from __future__ import annotations

from collections.abc import Callable, Sequence
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
    "consumer killed": 16, "consumer dies at a point": 16, "consumer paused": 6, "consumer frozen": 1,
    "consumer told to stop": 4, "consumer told twice": 2, "told in a rebalance": 3, "rebalance storm": 2,
    "all consumers killed": 5, "killer loop": 14, "rolling restart": 3, "store killed": 5, "clock behind": 2,
    "clock jumps": 2,
    "broker killed": 5, "leader killed": 4, "coordinator killed": 4, "broker paused": 3, "all brokers killed": 2,
    "all brokers gone": 1, "broker disk full": 2, "broker slow": 3, "broker half-open": 4, "broker reset": 7,
    "partitions raised": 2, "offsets expired": 2, "topic made anew": 2,
    "database killed": 5, "database gone": 1, "database reset": 7, "database half-open": 4, "database slow": 4,
    "commits cut": 8, "sessions ended": 6, "database frozen": 3, "database disk full": 2, "deadlocks": 4,
    "lock timeouts": 3, "poll exceeded": 2, "one order fails": 3, "database restored": 4,
    "registry refuses": 2, "registry half-open": 2, "registry slow": 2, "registry reset": 2, "registry fails": 2,
    "registry babbles": 1, "registry forbids": 1, "registry of another": 1,
    "everything tenfold": 2, "nothing but poison": 1, "poison in each batch": 2, "other schemas": 3,
}  # fmt: skip


#: Faults that begin with a process that starts, and want messages afterwards.
EARLY = {"poll exceeded", "clock behind", "clock jumps"}
#: What goes before a restore, and is no fault.
PREPARATION = "database backed up"
#: Faults after which messages are gone.
LOSSES = {"offsets expired", "topic made anew"}


class Sale(NamedTuple):
    """What a store publishes, and when. ``kind`` is an event type, or the name of a poison.

    Arguments:
        how: ``older`` or ``newer``: written with a schema of another time; a number: to this partition.
    """

    at: float
    store: int
    kind: str
    body: dict[str, Any]
    how: str = ""


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


def plan(seed: int, orders: int = 30, kinds: Sequence[str] = ()) -> Plan:
    """The plan of a seed. Even seeds run on PostgreSQL, odd ones on MariaDB.

    Arguments:
        kinds: these faults alone, each at least once.
    """
    draw = Random(seed)
    events = [event for number in range(orders) for event in _order(draw, number)]
    events += draw.choices(events, k=draw.randint(0, len(events)))  # sent again: another send of the same content
    sales = [
        Sale(round(draw.uniform(0, WINDOW), 2), SOURCES.index(_source(body)), kind, _again(body, number))
        for number, (kind, body) in enumerate(events)
    ]
    if draw.random() < 0.4:
        sales += [_poison(draw, number, 0, WINDOW) for number in range(draw.randint(1, 6))]
    drawn = draw.choices(list(KINDS), list(KINDS.values()), k=draw.randint(2, 7))
    if kinds:
        drawn = [*kinds, *draw.choices(kinds, k=draw.randint(0, 1))]
    if LOSSES.intersection(drawn):  # who has lost the log and the database has lost what was only there
        drawn = [kind for kind in drawn if kind != "database restored"]
    faults = [
        Fault(
            round(draw.uniform(CALM, CALM + 1 if kind in EARLY else WINDOW), 2), kind, draw.randrange(60),
            round(draw.uniform(0.5, 4.0), 1),
        )
        for kind in drawn
    ]  # fmt: skip
    for kind in dict.fromkeys(drawn):
        sales = _SALES[kind](draw, sales) if kind in _SALES else sales
    # a restore needs a backup, which is a little older
    faults += [
        Fault(round(max(0.5, each.at - 3), 2), PREPARATION, 0, 0) for each in faults if "restored" in each.kind
    ]
    return Plan(
        seed, ("postgresql", "mariadb")[seed % 2], draw.choice(CREWS), draw.random() < 0.7,
        tuple(sorted(sales, key=_at)), tuple(sorted(faults)),
    )  # fmt: skip


# What stores send can be the fault.


def _tenfold(draw: Random, sales: list[Sale]) -> list[Sale]:
    """A third of the orders ten times, in any order, over the partitions."""
    few = [sale for sale in sales if sale.kind in _TYPES and int(_order_id(sale.body)[1:]) % 3 == 0]
    copies = [
        sale._replace(at=round(draw.uniform(0, WINDOW), 2), how=str(draw.randrange(3)))
        for sale in few for _ in range(9)
    ]  # fmt: skip
    return sales + copies


def _nothing_but_poison(draw: Random, sales: list[Sale]) -> list[Sale]:
    """All orders early, then for the whole window nothing that can be read: the intake pauses, a person must say so."""
    early = [sale._replace(at=round(sale.at * CALM / WINDOW, 2)) for sale in sales]
    return early + [_poison(draw, number, CALM, WINDOW, small=True) for number in range(1000, 1240)]


def _poison_in_each_batch(draw: Random, sales: list[Sale]) -> list[Sale]:
    return sales + [_poison(draw, number, 0, WINDOW, small=True) for number in range(1000, 1040)]


def _other_schemas(draw: Random, sales: list[Sale]) -> list[Sale]:
    """Each second event is written by a store that is older or newer than the LMS."""
    return [
        sale._replace(how=draw.choice(("older", "newer"))) if sale.kind in _TYPES and draw.random() < 0.5 else sale
        for sale in sales
    ]


_SALES: dict[str, Callable[[Random, list[Sale]], list[Sale]]] = {
    "everything tenfold": _tenfold,
    "nothing but poison": _nothing_but_poison,
    "poison in each batch": _poison_in_each_batch,
    "other schemas": _other_schemas,
}


def _poison(draw: Random, number: int, begin: float, end: float, small: bool = False) -> Sale:
    kind = draw.choice([each for each in POISONS if not (small and each == "large")])
    return Sale(round(draw.uniform(begin, end), 2), draw.randrange(2), kind, {"number": number})


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


def _order_id(body: dict[str, Any]) -> str:
    (content,) = body.values()
    return str(content["order_id"])


def _at(sale: Sale) -> float:
    return sale.at
