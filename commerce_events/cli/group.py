"""The click group: finds subcommands when they are asked for, and ends with a hint and a code that tells the truth."""
from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from commerce_events.cli.exits import EXITS, failure
from commerce_events.exceptions import CommerceEventsError, OperatorError

PACKAGE = "openedx-commerce-events"
#: Which extra brings a package that only some subcommands need.
EXTRAS = {
    "dj_database_url": "gateway",
    "django": "django",
    "edx_django_utils": "lms",
    "edx_event_bus_kafka": "lms",
    "openedx_events": "lms",
    "prometheus_client": "metrics",
}
HELP = """Events between stores and Open edX: publish orders, watch results, try things out.

\b
Examples:
  commerce-events dev                  hold up a broker and a registry on this machine
  commerce-events dev --broker kafka   the same with Apache Kafka (needs Java and Maven)
  commerce-events COMMAND --help       what a command takes, with examples
"""


class Group(click.Group):
    """A group whose commands are imported when they are used.

    Arguments:
        targets: ``module:attribute`` of each command.
    """

    def __init__(self, targets: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._targets = targets

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in alphabetical order."""
        return sorted({*self._targets, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; one that lacks a package is there and says what to install."""
        if cmd_name not in self._targets:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._targets[cmd_name].partition(":")
        try:
            command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as missing:
            extra = EXTRAS.get((missing.name or "").partition(".")[0])
            if extra is None:
                raise
            return _lacking(cmd_name, str(missing.name), extra)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run; our own errors end with a message, a hint and their exit code."""
        try:
            return super().invoke(ctx)
        except CommerceEventsError as error:
            raise failure(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise
        except Exception as error:
            error.add_note("This is a fault of commerce-events itself: please report it with the lines above.")
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXITS.items()])


def make_group(targets: Mapping[str, str]) -> click.Group:
    """The command ``commerce-events``."""
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
    group = Group(targets, name="commerce-events", help=HELP, context_settings=settings)
    try:
        known = version(PACKAGE)
    except PackageNotFoundError:
        known = "unknown (not installed)"
    return click.version_option(known, prog_name="commerce-events")(group)


def _lacking(name: str, package: str, extra: str) -> click.Command:
    line = f"pip install '{PACKAGE}[{extra}]'"

    def refuse() -> None:
        raise OperatorError(f"commerce-events {name} needs {package}, which is not installed", hint=line)

    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, callback=refuse, short_help=f"(needs: {line})", context_settings=anything)
