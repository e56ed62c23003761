"""``python -m benchmarks``: see ``--help``."""
from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import figures
from benchmarks.rounds import FULL, QUICK, Rounds, sizes_up_to
from benchmarks.site import SEARCHES, site

FIGURES = (*(f"P{number}" for number in range(1, 14)), "profile")
ONCE = {"P10", "P11", "profile"}
ROUNDS = {*FIGURES} - ONCE - {"P9"}


def _list(known: tuple[str, ...]) -> Any:
    def read(_: click.Context, parameter: click.Parameter, value: str) -> list[str]:
        chosen = [name for name in value.split(",") if name]
        for name in chosen:
            if name not in known:
                raise click.BadParameter(f"{name} is not one of {', '.join(known)}", param=parameter)
        if not chosen and (value or parameter.name == "only"):
            raise click.BadParameter(f"nothing is chosen; known are {', '.join(known)}", param=parameter)
        return chosen

    return read


@click.command()
@click.option("--quick", is_flag=True, help="One small round on one database: shows that it runs, measures nothing.")
@click.option(
    "--only", default=",".join(FIGURES), callback=_list(FIGURES),
    help="Figures, e.g. P1,P3; and profile, where the full path's time goes.",
)
@click.option("--databases", default="", callback=_list(tuple(SEARCHES)), help="postgresql,mariadb (the default).")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of all loops; 5, or 1 with --quick.")
@click.option(
    "--backlog", type=click.FloatRange(min=1000), help="The largest backlog of P9, e.g. 1e6; 1e5, or 3000 with --quick."
)
@click.option("--out", type=click.Path(path_type=Path), help="Keep everything measured as JSON.")
def main(
    quick: bool, only: list[str], databases: list[str], rounds: int | None, backlog: float | None, out: Path | None
) -> None:  # fmt: skip
    r"""Measure our consumer beside the stock event bus and beside plain SQL, alternating, on the engines that are here.

    docs/references/performance.rst explains the figures; docs/generate.py makes its tables of benchmarks/results.

    \b
    Examples:
      python -m benchmarks --only P1,P3 --databases postgresql --rounds 3
      python -m benchmarks --only P9 --backlog 1e6 --out reports/backlog.json
    """
    databases = databases or (["postgresql"] if quick else list(SEARCHES))
    rounds = rounds or (1 if quick else 5)
    counts = QUICK if quick else FULL
    if backlog:
        counts = replace(counts, backlogs=sizes_up_to(int(backlog)))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        of_each = rounds * bool(ROUNDS & {*only}) + bool(ONCE & {*only})
        steps = of_each * len(databases) + len(counts.backlogs) * ("P9" in only)
        task = progress.add_task("engines", total=steps)

        def say(text: str) -> None:
            progress.update(task, description=text)

        with site(databases) as found:
            began = datetime.now(UTC)
            runner = Rounds(found, counts, frozenset(only), say)
            conditions = {
                **found.conditions(), "began": began.isoformat(timespec="seconds"), "rounds": 0,
                "is_quick": quick, "counts": vars(runner.counts),
            }  # fmt: skip
            # what is told once comes first: a run that is broken off has all of it, and as many rounds as it says
            for database in databases:
                if ONCE & {*only}:
                    runner.once(database)
                    progress.advance(task)
                    _keep(out, conditions, runner)
            for size in counts.backlogs if "P9" in only else ():
                runner.backlog(databases[0], size)
                progress.advance(task)
                _keep(out, conditions, runner)
            for done in range(rounds if ROUNDS & {*only} else 0):
                for database in databases:
                    runner.run(database)
                    progress.advance(task)
                    _keep(out, conditions, runner)
                conditions["rounds"] = done + 1
                _keep(out, conditions, runner)
    for database, measured in runner.measured.items():
        Console().print(_table(database, measured))
        for table, (ours, plain) in figures.unequal_rows(measured).items():
            console.print(f"[red]{table}: {ours} rows by our path, {plain} by the ceiling: they are not comparable")
    for reason in runner.skipped:
        console.print(f"not measured: {reason}")


def _keep(out: Path | None, conditions: dict[str, Any], runner: Rounds) -> None:
    if out is not None:
        said = {**conditions, "loads": runner.loads, "skipped": runner.skipped}
        out.write_text(_text({"conditions": said, "measured": runner.measured}))


def _text(kept: dict[str, Any]) -> str:
    """JSON with a line for each outcome of a loop: long enough to hold much, short enough to compare runs."""
    lines = [f' "conditions": {json.dumps(kept["conditions"])}']
    for database, loops in kept["measured"].items():
        told = ",\n".join(
            f'   "{loop}": [\n    ' + ",\n    ".join(map(json.dumps, outcomes)) + "\n   ]"
            for loop, outcomes in loops.items()
        )
        lines.append(f'  "{database}": {{\n{told}\n  }}')
    head, *bodies = lines
    return "{\n" + head + ',\n "measured": {\n' + ",\n".join(bodies) + "\n }\n}\n"


def _table(database: str, measured: figures.Measured) -> Table:
    table = Table(title=database, title_justify="left")
    for name in ("", "what", "ours", "beside", "ratio", "goal", ""):
        table.add_column(name, justify="left" if name == "what" else "right")
    for each in figures.figures(measured):
        verdict = {True: "[green]reached", False: "[red]missed", None: ""}[each.reached]
        table.add_row(each.figure, each.what, each.ours, each.beside, each.ratio, each.goal, verdict)
    return table


if __name__ == "__main__":
    main()
