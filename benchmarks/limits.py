"""Figures that no ratio of two paces tells: latency, memory, the cost of a backlog, recovery, statements, a row."""
from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.figure import Figure, Measured, spread

LATENCY = 1.5  # times the plain loop's
MEMORY = 200  # megabytes
SLOPE = 1.05
#: Backlogs from which on the slope is taken: below, the first batches of a process are a part of it.
LONG = 10_000
ROW = 1.5  # plain inserts
RECOVERY = {"broker": 10.0, "database": 5.0, "consumer": 11.0}  # seconds; the last is the session timeout + 5
TOLD_RECOVERY = {"broker": "broker restarted", "database": "database restarted", "consumer": "consumer killed"}


def limits(measured: Measured) -> Iterator[Figure]:
    """Every such figure that can be told from one database's loops."""
    for loop, told in _TOLD.items():
        if loop in measured:
            yield from told(measured)


def _latencies(measured: Measured) -> Iterator[Figure]:
    for rate in measured["serve"][0]["latency"]:
        for part in ("p50", "p99"):
            ours = [outcome["latency"][rate][part] for outcome in measured["serve"]]
            plain = [outcome["latency"][rate][part] for outcome in measured["three-commits"]]
            ratios = [a / b for a, b in zip(ours, plain, strict=False)]
            yield Figure(
                "P7", f"{part} publish → result, {rate}/s", spread(ours, ".0f", " ms"), spread(plain, ".0f", " ms"),
                spread(ratios, ".2f", "×"), f"≤ {LATENCY} ×", statistics.median(ratios) <= LATENCY,
            )  # fmt: skip


def _row(measured: Measured) -> Iterator[Figure]:
    """What an event adds to a store's transaction, beside what one more insert adds."""
    for kind, what in (("locked", "the order is locked already"), ("event", "with a lock on the order")):
        row, plain = ([each["microseconds"][part] for each in measured["outbox-row"]] for part in (kind, "insert"))
        ratios = [a / b for a, b in zip(row, plain, strict=True)]
        yield Figure(
            "P6", f"an event in a store's transaction ÷ one ORM insert, {what}", spread(row, ",.0f", " µs"),
            spread(plain, ",.0f", " µs"), spread(ratios, ".2f", "×"), f"≤ {ROW} ×", statistics.median(ratios) <= ROW,
        )  # fmt: skip


def _registry(measured: Measured) -> Iterator[Figure]:
    outcomes = measured["hanging-registry"]
    yield Figure(
        "P6", "publish while the registry hangs: slowest", spread([each["slowest"] for each in outcomes], ".0f", " ms"),
        "", "", "nobody asks it", not any(each["asked"] for each in outcomes),
    )  # fmt: skip


def _members(measured: Measured) -> Iterator[Figure]:
    """The processors' time that an order costs, with two processes and with one."""
    for program, what in (("ours", "our processes"), ("database", "the database"), ("broker", "the broker")):
        two, one = (
            [cost[program] for cost in map(costs, measured[f"members-{count}"]) if program in cost] for count in (2, 1)
        )
        if two and one:
            ratios = [a / b for a, b in zip(two, one, strict=False)]
            yield Figure(
                "P8", f"processor's time for an order in {what}, two processes and one", spread(two, ".0f", " µs"),
                spread(one, ".0f", " µs"), spread(ratios, ".2f", "×"), "told", None,
            )  # fmt: skip


def costs(outcome: Mapping[str, Any]) -> dict[str, float]:
    """Microseconds of the processors for an order: in our processes, and in the servers that we may look at."""
    seconds = {"ours": outcome["busy"], **outcome["beside"]}
    return {program: round(each / outcome["events"] * 1e6, 1) for program, each in seconds.items()}


def _backlogs(measured: Measured) -> Iterator[Figure]:
    for size, outcomes in by_size(measured["backlog"]).items():
        peak = max(outcome["peak_megabytes"] for outcome in outcomes)
        cost = [outcome["busy"] / outcome["events"] * 1e6 for outcome in outcomes]
        what = f"processor's time for an order, backlog of {size:,}"
        yield Figure("P8", what, spread(cost, ".0f", " µs"), "", "", "told", None)
        yield Figure("P9", f"memory, backlog of {size:,}", f"{peak:.0f} MB", "", "", f"≤ {MEMORY} MB", peak <= MEMORY)
    within, between = course_slope(measured["backlog"]), slope(measured["backlog"])
    if within is not None:
        yield Figure(
            "P8", f"cost ~ orders to the power of, within the longest run, from {LONG:,} on", f"{within:.3f}", "", "",
            f"≤ {SLOPE}", within <= SLOPE,
        )  # fmt: skip
    if between is not None:
        yield Figure("P8", "the same between runs of several sizes", f"{between:.3f}", "", "", "told", None)


def by_size(outcomes: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Backlogs by their size, the smallest first."""
    return {
        size: [each for each in outcomes if each["events"] == size]
        for size in sorted({each["events"] for each in outcomes})
    }


def course_slope(outcomes: Sequence[Mapping[str, Any]]) -> float | None:
    """The exponent with which the processor's time grows while the longest backlog is worked off: 1 is linear.

    Points of one process, so that neither its start nor another minute of the machine is in it. None where the backlog
    is too short.
    """
    longest = max(outcomes, key=lambda each: int(each["events"]))
    return _exponent([(done, seconds) for done, seconds in longest.get("course", ()) if done >= LONG])


def slope(outcomes: Sequence[Mapping[str, Any]]) -> float | None:
    """The same between runs, from the medians of each size, so that three runs of one size weigh as one."""
    return _exponent([
        (size, statistics.median(each["busy"] for each in listed))
        for size, listed in by_size(outcomes).items() if size >= LONG
    ])  # fmt: skip


def _exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """Least squares on the logarithms."""
    if len(points) < 2:
        return None
    return statistics.linear_regression(*zip(*((math.log(x), math.log(y)) for x, y in points), strict=True)).slope


def _recoveries(measured: Measured) -> Iterator[Figure]:
    for what, most in RECOVERY.items():
        found = [outcome for outcome in measured["recovery"] if outcome["what"] == what]
        if found:
            outage = max(each["outage"] for each in found)
            spans = [each["recovery"] for each in found]
            yield Figure(
                "P10", f"{TOLD_RECOVERY[what]}: every order answered after", spread(spans, ".1f", " s"),
                f"away for {outage:.1f} s" if outage else "", "", f"≤ {most:g} s", max(spans) <= most,
            )  # fmt: skip


def _statements(measured: Measured) -> Iterator[Figure]:
    for loop, what, most in (("statements-group", "a group", 1.0), ("statements-single", "each order alone", 8.0)):
        for outcome in measured.get(loop, ()):
            seen, lines = outcome["statements"], outcome["lines"]
            ours = (seen.get("ledger", 0) + seen.get("look-ups", 0)) / lines
            bus = (seen.get("bus", 0) + seen.get("platform", 0)) / lines
            form = ".3f" if ours < 1 else ".1f"
            yield Figure(
                "P11", f"statements for an order line, {what}; beside, those of bus and gateway", f"{ours:{form}}",
                f"{bus:{form}}", "", f"≤ {most:g}", ours <= most,
            )  # fmt: skip


def _webhooks(measured: Measured) -> Iterator[Figure]:
    """Latency of what was taken; and of twice that load what was refused, how, and whether the sweep found it."""
    ours, plain = ([outcome["p99"] for outcome in measured[name]] for name in ("webhooks", "bare"))
    yield Figure("P13", "p99 of a webhook", spread(ours, ".0f", " ms"), spread(plain, ".0f", " ms"), "", "told", None)
    for before, outcome in zip(measured["webhooks"], measured["crowd"], strict=True):  # the sweep finds those of both
        refused = before["refused"] + outcome["refused"]
        others = {int(status): count for status, count in outcome["statuses"].items() if int(status) != 200}
        said = ", ".join(f"{count:,} × {status or 'cut off'}" for status, count in sorted(others.items()))
        yield Figure(
            "P13", f"twice that load, {outcome['offered']:.0f}/s: taken, refused", f"{outcome['rate']:,.0f}/s", "",
            said, "429 or 503, with Retry-After", others.keys() <= {429, 503} and not outcome["refused_without_time"],
        )  # fmt: skip
        yield Figure(
            "P13", "of what was refused, the sweep found", f"{outcome['swept']:,}", f"{refused:,}", "",
            "all", outcome["swept"] == refused,
        )  # fmt: skip


_TOLD = {
    "serve": _latencies, "outbox-row": _row, "hanging-registry": _registry, "members-2": _members,
    "backlog": _backlogs, "recovery": _recoveries, "statements-group": _statements, "webhooks": _webhooks,
}  # fmt: skip
