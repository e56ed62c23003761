"""How the command ends: exit codes, and the errors behind them. Stable: scripts depend on them.

The numbers that ``consume_commerce_events`` has too mean the same there.
"""
from __future__ import annotations

import click

from commerce_events.exceptions import CommerceEventsError, ContractError, OperatorError, TransientError

#: Exit codes, and what they say.
EXITS = {
    0: "done, or stopped as asked",
    1: "an unexpected failure: a fault of this program, or interrupted while it worked",
    2: "the command line is wrong",
    3: "an operator must act: configuration, permissions, a missing program",
    6: "the input breaks the event contract",
    7: "the other side does not answer; the same command can succeed later",
}

#: The exit code of each of our errors; the first that fits counts.
ERRORS: tuple[tuple[type[CommerceEventsError], int], ...] = (
    (OperatorError, 3),
    (ContractError, 6),
    (TransientError, 7),
)

_LATER = "Is it running, and is the address right? Nothing was lost; try again."


class Failure(click.ClickException):
    """One of our errors as click ends with it: what is wrong, then what to do, on stderr, and the exit code."""

    exit_code: int  # one per error, where click has one per class

    def __init__(self, error: CommerceEventsError) -> None:
        super().__init__(str(error))
        self.exit_code = next((code for kind, code in ERRORS if isinstance(error, kind)), 1)
        self.hint = getattr(error, "hint", "") or (_LATER if isinstance(error, TransientError) else "")

    def show(self, file: object = None) -> None:
        """Print it."""
        click.echo(f"{click.style('Error:', fg='red')} {self.format_message()}", err=True)
        if self.hint:
            click.echo(f"{click.style('Hint:', fg='yellow')}  {self.hint}", err=True)
