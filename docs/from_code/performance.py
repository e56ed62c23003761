"""The tables of the performance page, from the run that was kept (``benchmarks/results/latest.json``)."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import figures
from docs.from_code.rst import heading, note, table

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "latest.json"
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
VERDICTS = {True: "reached", False: "**missed**", None: ""}


def page() -> str:
    """Conditions, then one table for each database."""
    run: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = note("benchmarks/results/latest.json") + table(("Condition", "Was"), _conditions(run["conditions"]))
    for database, measured in run["measured"].items():
        text += heading(NAMES[database], "*")
        text += table(
            ("Goal", "What", "Ours", "Beside", "Ratio", "Wanted", ""),
            (
                (each.figure, each.what, each.ours, each.beside, each.ratio, each.goal, VERDICTS[each.reached])
                for each in figures.figures(measured)
            ),
        )
        if unequal := figures.unequal_rows(measured):
            text += f"The ceiling and our path did not write equally many rows in {', '.join(unequal)}.\n\n"
    return text


def _conditions(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "machine", f"{said['machine']}, shared by broker, registry, database and the loops; load {said['load']}"
    yield "broker", f"{said['broker']}, {said['partitions']} partitions"
    for name, version in said["databases"].items():
        yield NAMES[name], version
    yield "Python", said["python"]
    yield "packages", ", ".join(f"{name} {version}" for name, version in said["packages"].items())
    counts = said["counts"]
    yield "events", (
        f"{counts['ours']:,} for ours and the ceilings, {counts['stock_full']:,} and {counts['stock_empty']:,} for "
        "the stock loops"
    )
    yield "rounds", f"{said['rounds']}, alternating; medians, lowest and highest in parentheses"
    yield "when", said["began"][:10]
