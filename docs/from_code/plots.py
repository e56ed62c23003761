"""What the plots of the performance page show, from the runs that were kept.

A plot carries the digest of its data. So whether it is still the right one can be said without drawing it again, on a
machine that has no matplotlib; ``docs/from_code/drawing.py`` draws.
"""
from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import limits
from benchmarks.figures import GOALS, ratios
from benchmarks.kept import run

NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
#: The pages' folder for them, below docs/references.
FOLDER = "plots"
Data = dict[str, Any]


def _ratios(measured: Mapping[str, Any]) -> Data:
    """Each ratio that has a goal: median, lowest and highest of the rounds, for each database."""
    return {
        f"{goal.figure}  {goal.what}": {"goal": goal.least, **{
            NAMES[database]: [round(number, 3) for number in (min(found), statistics.median(found), max(found))]
            for database, loops in measured.items() if (found := ratios(goal, loops))
        }}
        for goal in GOALS if goal.least
    }  # fmt: skip


def _latency(measured: Mapping[str, Any]) -> Data:
    """For each rate and loop the milliseconds within which 0, 1, … 99 of a hundred orders had their result."""
    return {
        rate: {
            f"{who}, {NAMES[database]}": _middle([each["latency"][rate]["hundredths"] for each in loops[loop]])
            for database, loops in measured.items() if "hundredths" in loops["serve"][0]["latency"][rate]
            for loop, who in (("serve", "ours"), ("three-commits", "three commits"))
        }
        for rate in ("100", "1000")
    }  # fmt: skip


def _middle(rounds: Sequence[Sequence[float]]) -> list[float]:
    """The round whose median is the middle one: its whole distribution, not a mixture of several."""
    return list(sorted(rounds, key=statistics.median)[(len(rounds) - 1) // 2])


def _backlog(measured: Mapping[str, Any]) -> Data:
    """Processor's time for an order and the peak of memory of each run; and within the longest, batch by batch."""
    outcomes = [each for loops in measured.values() for each in loops.get("backlog", ())]
    course = [(0, 0.0), *max(outcomes, key=lambda each: int(each["events"]))["course"]]
    within = limits.course_slope(outcomes)
    return {
        "runs": [
            [each["events"], round(each["busy"] / each["events"] * 1e6, 1), round(each["peak_megabytes"], 1)]
            for each in outcomes
        ],
        "course": [
            [after, round((late - early) / (after - before) * 1e6, 1)]
            for (before, early), (after, late) in pairwise(course)
        ],
        "slope": within and round(within, 3), "memory": limits.MEMORY, "begin": limits.LONG,
    }  # fmt: skip


def _members(measured: Mapping[str, Any]) -> Data:
    """Orders a second, and microseconds of the processors for an order, with one process and with two."""
    return {
        NAMES[database]: {
            f"{count}": {
                "rates": [each["rate"] for each in loops[f"members-{count}"]],
                "costs": [limits.costs(each) for each in loops[f"members-{count}"]],
            }
            for count in (1, 2)
        }
        for database, loops in measured.items() if "members-2" in loops
    }  # fmt: skip


def _profile(measured: Mapping[str, Any]) -> Data:
    """Percent of the interpreter's time."""
    return {
        NAMES[database]: {name: round(share * 100, 1) for name, share in loops["profile"][-1]["parts"].items()}
        for database, loops in measured.items() if "profile" in loops
    }  # fmt: skip


PLOTS: dict[str, Callable[[Mapping[str, Any]], Data]] = {
    "ratios": _ratios, "latency": _latency, "backlog": _backlog, "members": _members, "profile": _profile,
}  # fmt: skip


def data(name: str) -> Data:
    """What a plot shows."""
    return PLOTS[name](run()["measured"])


def digest(name: str) -> str:
    """What names its data."""
    return sha256(json.dumps([name, data(name)], sort_keys=True).encode()).hexdigest()[:16]


def is_current(name: str, folder: Path) -> bool:
    """Whether the plot that is there was drawn from this data."""
    path = folder / f"{name}.svg"
    found = re.search(r"data ([0-9a-f]{16})", path.read_text(encoding="utf-8")) if path.exists() else None
    return found is not None and found.group(1) == digest(name)
