"""The tables of the performance page, from the run that was kept (``benchmarks/results/latest.json``)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import figures, kept
from docs.from_code.rst import heading, note, table

NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
VERDICTS = {True: "reached", False: "**missed**", None: ""}


def page() -> str:
    """Conditions, then one table for each database."""
    run = kept.run()
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
    yield "commit", f"``{said['commit']}``"
    yield "machine", f"{said['machine']}, shared by broker, registry, database and the loops"
    yield "load at the start of each round", _loads(said)
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
    yield "when", said["began"][:16].replace("T", " ") + " UTC"
    for name, part in said["parts"].items():
        yield f"{name}: a run of its own", (
            f"{part['began'][:16].replace('T', ' ')} UTC, {part['rounds'] or 'no'} "
            f"round{'' if part['rounds'] == 1 else 's'}, load {_loads(part)}"
        )
    for reason in said.get("skipped", ()):
        yield "not measured", reason


def _loads(said: dict[str, Any]) -> str:
    """The machine's load average over a minute: what waits to run besides, and the run's own."""
    loads = said.get("loads")
    if not loads:
        return str(said["load"])
    return "; ".join(f"{NAMES[database]} {', '.join(map(str, listed))}" for database, listed in loads.items())
