"""What the stock loop loses, from the runs that were kept (``tests/faults/results/stock.jsonl``)."""
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.from_code.rst import note, table
from tests.faults.campaign import RUNS, summarise

RESULTS = Path(__file__).resolve().parents[2] / "tests" / "faults" / "results"
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
#: Column → what is counted of the stock loop.
RECEIVING = {
    "Never handled": "lost", "Not received": "left", "Handled again": "repeated", "Out of order": "out of order",
    "Result lost": "results lost", "Ended by itself": "ends",
}  # fmt: skip
SELLING = {"Never published": "never published", "Published, never sold": "never sold"}

Runs = Sequence[dict[str, Any]]


def page() -> str:
    """Under what conditions, what receiving lost, what selling lost, and why."""
    why = json.loads((RESULTS / "stock-explained.json").read_text(encoding="utf-8"))
    rows = _rows(list(why))
    campaign = summarise(RUNS)["kinds"]
    every = [run for runs in rows.values() for run in runs]
    quiet = [name for name, runs in rows.items() if not any(_sum(runs, what) for what in SELLING.values())]
    return "\n\n".join([
        (note("tests/faults/results/stock.jsonl") + _conditions(every) + _superseded(len(every))).rstrip(),
        table(
            ("Fault", "Runs", "Events", *RECEIVING, "Longest silence", "Ours: violations", "Ours: longest silence",
             "Ours: times planned in the campaign"),
            (_received(name, runs, campaign) for name, runs in rows.items()),
        ).rstrip(),
        "The stock stores in the same runs:",
        table(
            ("Fault", "Runs", "Sold", *SELLING, "Ours: violations"),
            (_sold(name, runs) for name, runs in rows.items() if name not in quiet),
        ).rstrip(),
        f"In the other rows the stock stores lost nothing, and said nothing that was not so: {', '.join(quiet)}.",
        table(("Fault", "What the stock loop does"), ((name, why[name]) for name in rows)),
    ])  # fmt: skip


def _rows(order: list[str]) -> dict[str, Runs]:
    """The latest run of each row and seed."""
    rows: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for run in _kept():
        rows[run["fault"]][run["seed"]] = run
    return {name: list(rows[name].values()) for name in sorted(rows, key=order.index)}


def _kept() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RESULTS / "stock.jsonl").read_text(encoding="utf-8").splitlines()]


def _superseded(shown: int) -> str:
    """Runs that the page leaves out."""
    more = len(_kept()) - shown
    return f" Of a row and seed run again the latest run counts; {more} older in the file." if more else ""


def _conditions(runs: Runs) -> str:
    when = sorted(run["at"][:16].replace("T", " ") for run in runs)
    commits = ", ".join(f"``{each}``" for each in dict.fromkeys(run["commit"] for run in runs))
    on = " and ".join(f"{sum(run['database'] == kind for run in runs)} on {name}" for kind, name in NAMES.items())
    loads, seeds = sorted(run["load"] for run in runs), [run["seed"] for run in runs]
    named = sum(bool(run["stock"]["named"]) for run in runs)
    return (
        f"{len(runs)} runs, {on}, from {when[0]} to {when[-1]} UTC at commit {commits}, seeds {min(seeds)} to "
        f"{max(seeds)}; two shared processors, beside other work: a load of {loads[0]:.0f} to {loads[-1]:.0f}. A count "
        "is the sum of a row's runs; where it was not nought in all of them, it says in how many. In "
        f"{named} of the runs the log of a stock consumer held a learner's e-mail address."
    )


def _received(name: str, runs: Runs, campaign: dict[str, int]) -> tuple[str, ...]:
    return (
        name, str(len(runs)), str(_sum(runs, "events")), *(_loud(runs, what) for what in RECEIVING.values()),
        _longest(runs, "stock"), _violations(runs), _longest(runs, "ours"), str(campaign.get(name, "–")),
    )  # fmt: skip


def _sold(name: str, runs: Runs) -> tuple[str, ...]:
    counts = (_loud(runs, what) for what in SELLING.values())
    return name, str(len(runs)), str(_sum(runs, "sold")), *counts, _violations(runs)


def _sum(runs: Runs, what: str) -> int:
    return sum(int(run["stock"][what]) for run in runs)


def _loud(runs: Runs, what: str) -> str:
    """The sum, in bold if there is any."""
    hit = sum(bool(run["stock"][what]) for run in runs)
    seldom = f" (in {hit} of {len(runs)})" if 0 < hit < len(runs) else ""
    return f"**{_sum(runs, what)}**{seldom}" if hit else "0"


def _longest(runs: Runs, whose: str) -> str:
    return f"{max(run[whose]['longest silence'] for run in runs):.0f} s"


def _violations(runs: Runs) -> str:
    return ", ".join(dict.fromkeys(name for run in runs for name in run["ours"]["violations"])) or "none"
