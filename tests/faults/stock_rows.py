"""The rows of the comparison: the faults of a run, its sales, and what the stock loop is given beside it."""
from __future__ import annotations

from dataclasses import dataclass, replace

from commerce_events import topics
from tests.faults.plan import CREWS, Fault, Plan, plan


@dataclass(frozen=True)
class Row:
    """One kind of run.

    Arguments:
        faults: when, what, for how long.
        sales: a kind of fault that is in what the stores sell (``plan._SALES``).
        at_points: the stock consumers end at their points, too.
        cut_off: only the LMS reaches the registry through what misbehaves; stores go straight.
    """

    faults: tuple[tuple[float, str, float], ...]
    sales: str = ""
    at_points: bool = False
    cut_off: bool = False


def _twice(kind: str) -> Row:
    return Row(((3.0, kind, 3.0), (6.5, kind, 2.0)))


def _once(kind: str) -> Row:
    """A stock group stands still for 45 seconds afterwards."""
    return Row(((3.0, kind, 2.0),))


def _registry(kind: str) -> Row:
    """Before the first order, so that a consumer must ask."""
    return Row(((0.1, kind, 8.0),), cut_off=True)


#: By name, in the order of the page: processes, brokers, databases, the registry, messages, stores.
ROWS = {
    "consumer killed": _once("consumer killed"),
    "consumer dies at a point": replace(_twice("consumer dies at a point"), at_points=True),
    "consumer paused": _twice("consumer paused"),
    "consumer told to stop": _once("consumer told to stop"),
    "rolling restart": _once("rolling restart"),
    "leader killed": _twice("leader killed"),
    "all brokers killed": _twice("all brokers killed"),
    "broker half-open": _twice("broker half-open"),
    "broker reset": _twice("broker reset"),
    "broker paused, then consumers and stores killed": Row((
        (3.0, "broker paused", 1.0), (5.0, "all consumers killed", 0.0), (5.0, "store killed", 0.0),
        (5.0, "store killed", 0.0),
    )),
    "partitions raised": _twice("partitions raised"),
    "partitions raised, then stores and consumers started anew": Row((
        (2.5, "partitions raised", 0.0), (3.5, "store killed", 0.0), (3.5, "store killed", 0.0),
        (7.5, "rolling restart", 0.0),
    )),
    "database killed": _twice("database killed"),
    "database gone": Row(((3.0, "database gone", 0.5),)),
    "database half-open": _twice("database half-open"),
    "commits cut": _twice("commits cut"),
    "sessions ended": _twice("sessions ended"),
    "database frozen": _twice("database frozen"),
    "one order fails": _twice("one order fails"),
    "registry refuses": _registry("registry refuses"),
    "registry half-open": _registry("registry half-open"),
    "registry forbids": _registry("registry forbids"),
    "registry fails": _registry("registry fails"),
    "poison in each batch": Row(((3.0, "poison in each batch", 0.0),), sales="poison in each batch"),
    "store killed": _twice("store killed"),
    "store dies at a point": _twice("store dies at a point"),
}  # fmt: skip


def planned(row: Row, seed: int) -> Plan:
    """The plan of a seed with the faults of a row and no other."""
    chosen = plan(seed, kinds=[row.sales] if row.sales else ())
    readable = tuple(sale for sale in chosen.sales if sale.kind in topics.EVENT_TYPES)
    faults = tuple(
        Fault(at, kind, 2 * seed + number, seconds) for number, (at, kind, seconds) in enumerate(row.faults)
    )
    return replace(chosen, sales=chosen.sales if row.sales else readable, faults=faults, crew=CREWS[0])
