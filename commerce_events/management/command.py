"""What our management commands have in common: examples in their help, an exit code that tells the truth, no traceback
for what an operator can mend, and no work on a dangerous configuration or without our tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand, CommandError, CommandParser, SystemCheckError
from django.db import DEFAULT_DB_ALIAS, Error

from commerce_events.bus.tables import refuse_unmigrated
from commerce_events.checks import TAG
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.listing import FORMATS

#: The largest number that a row can have.
ANY_ID = (1 << 63) - 1


class CommerceCommand(BaseCommand):
    """A command that ends with 3 if a check of ours finds anything; see :mod:`commerce_events.checks`."""

    #: Examples and exit codes, below the flags of ``--help``.
    epilog = ""
    requires_system_checks = [TAG]
    requires_migrations_checks = True
    #: What is so if another side goes away in the middle of what ``--yes`` asked for.
    halfway = "What was done is done; run it again."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser keeps the line breaks of the examples; those of a sub-command are shown in its own help, too."""
        kwargs.setdefault("epilog", self.epilog)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        for actions in (each for each in parser._actions if isinstance(each, argparse._SubParsersAction)):
            for name, child in actions.choices.items():
                call = f"  manage.py {subcommand} {name}"
                lines = [line for line in self.epilog.splitlines() if f"{line} ".startswith(f"{call} ")]
                child.epilog = "\n".join(["examples:", *(lines or [call])])
                child.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run.

        Raises:
            CommandError: 3, an operator must act; 7, another side does not answer.
        """
        try:
            return super().execute(*args, **options)
        except OperatorError as error:
            raise CommandError(f"{error}\n{error.hint}", returncode=3) from error
        except TransientError as error:
            raise CommandError(f"{error}\n{self._left(options)}", returncode=7) from error
        except Error as error:
            said = f"the database does not answer ({type(error).__name__})"
            raise CommandError(f"{said}\nIs it running? {self._left(options)}", returncode=3) from error

    def check_migrations(self) -> None:
        """Refuse what other commands are only told of.

        Raises:
            OperatorError: our tables are not there, or those of another release.
        """
        refuse_unmigrated()

    def check(self, *args: Any, **kwargs: Any) -> None:
        """Refuse what ordinary commands are only warned of.

        Raises:
            SystemCheckError: something was found.
        """
        try:
            super().check(*args, **{**kwargs, "fail_level": checks.WARNING, "databases": [DEFAULT_DB_ALIAS]})
        except SystemCheckError as error:
            error.returncode = 3
            raise

    def _left(self, options: dict[str, Any]) -> str:
        return self.halfway if options.get("yes") else "Nothing was changed; run it again."


def add_format(*parsers: argparse.ArgumentParser) -> None:
    """The flag ``--format`` of commands that list."""
    for parser in parsers:
        parser.add_argument("--format", choices=FORMATS, default="table", help="how it is printed (default table)")


def whole_number(least: int, most: int = ANY_ID) -> Callable[[str], int]:
    """The type of a flag that takes a whole number."""

    def parsed(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or not least <= int(text) <= most:
            up_to = "" if most == ANY_ID else f" to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least}{up_to}")
        return int(text)

    return parsed
