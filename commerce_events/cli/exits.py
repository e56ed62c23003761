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



class Failure(click.ClickException):
    """One of our errors as click ends with it: what is wrong, then what to do, both on stderr."""

    exit_code = 1
    hint = ""

    def __init__(self, error: CommerceEventsError) -> None:
        super().__init__(str(error))
        self.hint = getattr(error, "hint", "") or self.hint

    def show(self, file: object = None) -> None:
        """Print it."""
        click.echo(f"{click.style('Error:', fg='red')} {self.format_message()}", err=True)
        if self.hint:
            click.echo(f"{click.style('Hint:', fg='yellow')}  {self.hint}", err=True)


class OperatorFailure(Failure):
    """Somebody must act."""

    exit_code = 3


class ContractFailure(Failure):
    """The input is at fault."""

    exit_code = 6


class NoAnswer(Failure):
    """The other side is away."""

    exit_code = 7
    hint = "Is it running, and is the address right? The same command can succeed later."


#: How each of our errors ends; the first that fits counts.
FAILURES: tuple[tuple[type[CommerceEventsError], type[Failure]], ...] = (
    (OperatorError, OperatorFailure),
    (ContractError, ContractFailure),
    (TransientError, NoAnswer),
)


def failure(error: CommerceEventsError) -> Failure:
    """What ends the command for an error of ours."""
    return next((ending for kind, ending in FAILURES if isinstance(error, kind)), Failure)(error)
