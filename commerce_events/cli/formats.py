"""One list of records, printed as a person or a program wants it: table, json, ndjson or csv."""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

FORMATS = ("table", "json", "ndjson", "csv")

F = TypeVar("F", bound=Callable[..., Any])


def formatted(command: F) -> F:
    """The option ``--format``; the command is called with ``how``."""
    return click.option(
        "--format", "how", type=click.Choice(FORMATS), default="table", show_default=True, help="Of the result."
    )(command)


def show(records: Sequence[dict[str, Any]], columns: Sequence[str], how: str, empty: str = "Nothing.") -> None:
    """Print records to stdout.

    Arguments:
        columns: names of the fields, in the order of the table.
        empty: what a table says, on stderr, when there is nothing.
    """
    if how == "json":
        click.echo(json.dumps(list(records), indent=2, ensure_ascii=False))
    elif how == "ndjson":
        for record in records:
            click.echo(json.dumps(record, ensure_ascii=False))
    elif how == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        click.echo(out.getvalue(), nl=False)
    elif records:
        _table(records, columns)
    else:
        click.echo(empty, err=True)


def _table(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    cells = [[str(record.get(name, "")) for name in columns] for record in records]
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    for row in [[name.upper() for name in columns], *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
