"""From what was measured to the figures that performance is judged by, with the goal beside each."""
from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figure import Figure, Measured, spread
from benchmarks.limits import limits

__all__ = ["GOALS", "Figure", "Goal", "Measured", "figures", "ratios", "unequal_rows"]


@dataclass(frozen=True)
class Goal:
    """A ratio of two loops: at least ``least``, or only told where it is None."""

    figure: str
    what: str
    ours: str
    beside: str
    least: float | None


GOALS = (
    Goal("P1", "full path ÷ stock, full durable effect", "path", "stock-full", 30),
    Goal("P1", "full path ÷ ceiling, same rows", "path", "ceiling", 0.6),
    Goal("P1", "full path ÷ ceiling, three tables", "path", "small-ceiling", None),
    Goal("P2", "waits 5 ms, 32 at once ÷ stock", "waiting-32", "stock-waiting", 10),
    Goal("P2", "waits 5 ms, one at a time ÷ stock", "waiting-1", "stock-waiting", None),
    Goal("P3", "intake ÷ stock, empty receiver", "intake", "stock-empty", 4),
    Goal("P4", "relay ÷ stock send", "relay", "stock-send", 3),
    Goal("P5", "replay ÷ stock, empty receiver", "replay", "stock-empty", 4),
    Goal("P6", "store: validate, encode, produce ÷ stock send", "store-client", "stock-send-order", 8),
    Goal("P6", "store: outbox and relay ÷ stock send", "store-outbox", "stock-send-order", None),
    Goal(
        "P6", "store: an answer for each ÷ stock send, flushed each", "store-client-waiting",
        "stock-send-order-waiting", None,
    ),
    Goal("P8", "two processes ÷ one", "members-2", "members-1", 1.6),
    Goal("P12", "export to Parquet ÷ fastavro reading", "export", "fastavro-read", 0.6),
    Goal("P13", "webhooks ÷ bare view, same server", "webhooks", "bare", 0.5),
)  # fmt: skip


def figures(measured: Measured) -> Iterator[Figure]:
    """Every figure that can be told from one database's loops, in the order of their numbers."""
    found = [figure for goal in GOALS if (figure := _ratio(goal, measured)) is not None]
    yield from sorted([*found, *limits(measured)], key=lambda each: int(re.sub(r"\D", "", each.figure)))


def ratios(goal: Goal, measured: Measured) -> list[float]:
    """The ratio of each round; none where one of the loops did not run."""
    return [a / b for a, b in zip(_rates(measured, goal.ours), _rates(measured, goal.beside), strict=False)]


def _ratio(goal: Goal, measured: Measured) -> Figure | None:
    found = ratios(goal, measured)
    if not found:
        return None
    ours, beside, middle = _rates(measured, goal.ours), _rates(measured, goal.beside), statistics.median(found)
    return Figure(
        goal.figure, goal.what, spread(ours, ",.0f", "/s"), spread(beside, ",.0f", "/s"),
        spread(found, ".1f" if middle >= 3 else ".2f", "×"),
        f"≥ {goal.least:g} ×" if goal.least else "told", None if goal.least is None else middle >= goal.least,
    )  # fmt: skip


def _rates(measured: Mapping[str, Sequence[Mapping[str, Any]]], loop: str) -> list[float]:
    return [outcome["rate"] for outcome in measured.get(loop, ())]


def unequal_rows(measured: Measured) -> dict[str, tuple[int, int]]:
    """Tables in which our path and the ceiling did not write equally many rows: the ceiling would be another one."""
    if "path" not in measured or "ceiling" not in measured:
        return {}
    ours, plain = measured["path"][0]["rows"], measured["ceiling"][0]["rows"]
    # one row per partition, counter, lease and installation is bookkeeping of a process, not of an order
    return {
        table: (ours.get(table, 0), plain.get(table, 0))
        for table in sorted(ours.keys() | plain.keys())
        if max(ours.get(table, 0), plain.get(table, 0)) > 100 and not _alike(ours.get(table, 0), plain.get(table, 0))
    }


def _alike(ours: int, plain: int) -> bool:
    """The last parcel of each transaction is not full, and nobody says how many transactions there were."""
    return abs(ours - plain) <= 0.1 * max(ours, plain) if max(ours, plain) < 1000 else ours == plain
