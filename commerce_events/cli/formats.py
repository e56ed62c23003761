"""The option ``--format``, and one list of records printed as it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from commerce_events.listing import FORMATS, listed

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
    text = listed(records, columns, how)
    if text:
        click.echo(text)
    elif how == "table":
        click.echo(empty, err=True)
