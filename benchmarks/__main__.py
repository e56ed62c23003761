"""``python -m benchmarks``: see ``--help``."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import figures
from benchmarks.rounds import FULL, QUICK, Rounds
from benchmarks.site import SEARCHES, site

FIGURES = ("P1", "P2", "P3", "P4", "P5", "P7", "P9", "P13")


def _list(known: tuple[str, ...]) -> Any:
    def read(_: click.Context, parameter: click.Parameter, value: str) -> list[str]:
        chosen = [name for name in value.split(",") if name]
        for name in chosen:
            if name not in known:
                raise click.BadParameter(f"{name} is not one of {', '.join(known)}", param=parameter)
        return chosen

    return read


@click.command()
@click.option("--quick", is_flag=True, help="One small round on one database: shows that it runs, measures nothing.")
@click.option("--only", default=",".join(FIGURES), callback=_list(FIGURES), help="Figures, e.g. P1,P3.")
@click.option("--databases", default="", callback=_list(tuple(SEARCHES)), help="postgresql,mariadb (the default).")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of all loops; 5, or 1 with --quick.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep everything measured as JSON.")
def main(quick: bool, only: list[str], databases: list[str], rounds: int | None, out: Path | None) -> None:
    """Measure our consumer beside the stock event bus and beside plain SQL, alternating, on the engines that are here.

    docs/references/performance.rst explains the figures; docs/references/performance.py makes it from the JSON.
    """
    databases = databases or (["postgresql"] if quick else list(SEARCHES))
    rounds = rounds or (1 if quick else 5)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("engines", total=rounds * len(databases) + ("P9" in only))

        def say(text: str) -> None:
            progress.update(task, description=text)

        with site(databases) as found:
            began = datetime.now(UTC)
            runner = Rounds(found, QUICK if quick else FULL, frozenset(only), say)
            conditions = {
                **found.conditions(), "began": began.isoformat(timespec="seconds"), "rounds": rounds,
                "is_quick": quick, "counts": vars(runner.counts),
            }  # fmt: skip
            for _ in range(rounds):
                for database in databases:
                    runner.run(database)
                    progress.advance(task)
                    _keep(out, conditions, runner)
            if "P9" in only:
                runner.memory(databases[0])
                progress.advance(task)
            _keep(out, conditions, runner)
    for database, measured in runner.measured.items():
        Console().print(_table(database, measured))
        for table, (ours, plain) in figures.unequal_rows(measured).items():
            console.print(f"[red]{table}: {ours} rows by our path, {plain} by the ceiling: they are not comparable")


def _keep(out: Path | None, conditions: dict[str, Any], runner: Rounds) -> None:
    if out is not None:
        out.write_text(json.dumps({"conditions": conditions, "measured": runner.measured}, indent=1) + "\n")


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
