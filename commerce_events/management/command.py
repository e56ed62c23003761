"""What our management commands have in common: examples in their help, and no work on a dangerous configuration."""

from __future__ import annotations

import argparse
from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand, CommandParser, SystemCheckError
from django.db import DEFAULT_DB_ALIAS

from commerce_events.checks import TAG


class CommerceCommand(BaseCommand):
    """A command that ends with 3 if a check of ours finds anything; see :mod:`commerce_events.checks`."""

    #: Examples and exit codes, below the flags of ``--help``.
    epilog = ""
    requires_system_checks = [TAG]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The parser keeps the line breaks of the examples."""
        kwargs.setdefault("epilog", self.epilog)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

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
