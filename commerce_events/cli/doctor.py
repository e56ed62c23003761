"""``commerce-events doctor``: is everything as it must be, and if not, what to do."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from commerce_events.bus import access, diagnosis, topics_admin
from commerce_events.bus.diagnosis import FAILURE, OK, WARNING, Finding
from commerce_events.cli.connection import connect, connected, settings_imported
from commerce_events.exceptions import OperatorError

HELP = """Look at packages, broker, topics, registry, schemas; with DJANGO_SETTINGS_MODULE at settings and database too.

Changes nothing, prints no secret. Ends with 3 if something must be done.

\b
Examples:
  commerce-events doctor
  DJANGO_SETTINGS_MODULE=lms.envs.production commerce-events doctor
  commerce-events doctor --format json
  commerce-events doctor --create-topics      makes the topics that are missing
"""
MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), FAILURE: ("✗", "red")}


@click.command(help=HELP, short_help="Is everything as it must be?")
@click.option(
    "--create-topics", is_flag=True, help="Create the topics that are missing, with partitions and retention."
)
@click.option(
    "--format", "how", type=click.Choice(("table", "json", "ndjson", "csv")), default="table", show_default=True,
    help="Of the findings.",
)
@connected
def doctor(create_topics: bool, how: str, **where: Any) -> None:
    """Look."""
    found = list(_findings(create_topics, where))
    if how == "json":
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    elif how == "ndjson":
        for finding in found:
            click.echo(json.dumps(asdict(finding)))
    elif how == "csv":
        csv.writer(sys.stdout).writerows([("about", "state", "says", "hint"), *(asdict(f).values() for f in found)])
    else:
        for finding in found:
            mark, colour = MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=colour)} {finding.state:8} {finding.about}: {finding.says}")
            if finding.hint:
                click.echo(f"             → {finding.hint}")
    failures = sum(finding.state == FAILURE for finding in found)
    if failures:
        raise OperatorError(f"{failures} thing(s) must be put right", hint="Each has its fix above.")


def _findings(create_topics: bool, where: dict[str, Any]) -> Iterator[Finding]:
    yield from diagnosis.packages()
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        _set_up_django()
        yield from diagnosis.site()
    try:
        connection = connect(**where)
    except OperatorError as error:
        yield Finding("addresses", FAILURE, str(error), error.hint)
        return
    said = ", ".join(f"{name}={value}" for name, value in sorted(access.masked(connection.kafka).items()))
    yield Finding("Kafka settings", OK, said or "none: no TLS and no login")
    yield Finding("registry's user", OK, connection.registry_auth[0] if connection.registry_auth else "none: no login")
    if create_topics:
        made = topics_admin.create_with(connection.config(), connection.prefix)
        yield Finding("topics", OK, f"made: {', '.join(made)}" if made else "all there already")
    yield from diagnosis.broker(connection.config(), connection.prefix)
    yield from diagnosis.schemas(connection.registry(), connection.prefix)


def _set_up_django() -> None:
    with settings_imported():
        import django

        django.setup()
