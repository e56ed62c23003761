"""From what was measured to the figures that performance is judged by, with the goal beside each."""
from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Measured = Mapping[str, Sequence[Mapping[str, Any]]]


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
    Goal("P13", "webhooks ÷ bare view, same server", "webhooks", "bare", 0.5),
    Goal("P5", "replay ÷ stock, empty receiver", "replay", "stock-empty", 4),
)
LATENCY_GOAL = 1.5
MEMORY_GOAL = 200


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    figure: str
    what: str
    ours: str
    beside: str
    ratio: str
    goal: str
    reached: bool | None


def figures(measured: Measured) -> Iterator[Figure]:
    """Every figure that can be told from one database's loops."""
    yield from filter(None, (_ratio(goal, measured) for goal in GOALS))
    if "serve" in measured:
        yield from _latencies(measured)
    if "webhooks" in measured:
        yield from _webhooks(measured)
    for outcome in measured.get("memory", ()):
        peak = outcome["peak_megabytes"]
        yield Figure(
            "P9", f"memory at a backlog of {outcome['events']:,}", f"{peak:.0f} MB", "", "",
            f"≤ {MEMORY_GOAL} MB", peak <= MEMORY_GOAL,
        )  # fmt: skip


def _ratio(goal: Goal, measured: Measured) -> Figure | None:
    if goal.ours not in measured or goal.beside not in measured:
        return None
    ours, beside = _rates(measured[goal.ours]), _rates(measured[goal.beside])
    ratios = [a / b for a, b in zip(ours, beside, strict=False)]
    middle = statistics.median(ratios)
    return Figure(
        goal.figure, goal.what, _spread(ours, ",.0f", "/s"), _spread(beside, ",.0f", "/s"),
        _spread(ratios, ".1f" if middle >= 3 else ".2f", "×"),
        f"≥ {goal.least:g} ×" if goal.least else "told", None if goal.least is None else middle >= goal.least,
    )  # fmt: skip


def _latencies(measured: Measured) -> Iterator[Figure]:
    for rate in measured["serve"][0]["latency"]:
        for part in ("p50", "p99"):
            ours = [outcome["latency"][rate][part] for outcome in measured["serve"]]
            plain = [outcome["latency"][rate][part] for outcome in measured["three-commits"]]
            ratios = [a / b for a, b in zip(ours, plain, strict=False)]
            yield Figure(
                "P7", f"{part} publish → result, {rate}/s", _spread(ours, ".0f", " ms"), _spread(plain, ".0f", " ms"),
                _spread(ratios, ".2f", "×"), f"≤ {LATENCY_GOAL} ×", statistics.median(ratios) <= LATENCY_GOAL,
            )  # fmt: skip


def _webhooks(measured: Measured) -> Iterator[Figure]:
    """Latency of what was taken; and of twice that load what was refused, how, and whether the sweep found it."""
    ours, plain = ([outcome["p99"] for outcome in measured[name]] for name in ("webhooks", "bare"))
    yield Figure("P13", "p99 of a webhook", _spread(ours, ".0f", " ms"), _spread(plain, ".0f", " ms"), "", "told", None)
    for outcome in measured["crowd"]:
        others = {int(status): count for status, count in outcome["statuses"].items() if int(status) != 200}
        said = ", ".join(f"{count:,} × {status or 'cut off'}" for status, count in sorted(others.items()))
        yield Figure(
            "P13", f"twice that load, {outcome['offered']:.0f}/s: taken, refused", f"{outcome['rate']:,.0f}/s", "",
            said, "429 or 503, with Retry-After", others.keys() <= {429, 503} and not outcome["refused_without_time"],
        )  # fmt: skip
        yield Figure(
            "P13", "of what was refused, the sweep found", f"{outcome['swept']:,}", f"{outcome['refused']:,}", "",
            "all", outcome["swept"] == outcome["refused"],
        )  # fmt: skip


def _rates(outcomes: Sequence[Mapping[str, Any]]) -> list[float]:
    return [outcome["rate"] for outcome in outcomes]


def _spread(values: Sequence[float], form: str, unit: str) -> str:
    """The median, and where the others lie."""
    middle = f"{statistics.median(values):{form}}{unit}"
    return middle if len(values) < 2 else f"{middle} ({min(values):{form}}–{max(values):{form}})"


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
