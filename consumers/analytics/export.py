"""``commerce-events export``: what stands on the results topic, as a file of declared types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from commerce_events import topics
from commerce_events.bus.reader import Heard, Reader
from commerce_events.cli.connection import connect, connected
from commerce_events.exceptions import ContractError, OperatorError
from commerce_events.validation import validate
from consumers.analytics.files import FORMATS, GROUP, STDOUT, File
from consumers.analytics.tables import TABLES, Table

HELP = """Write what stands on the results topic into a file, up to now. Joins no consumer group and changes nothing.

Columns and their types come from the contract, never from the data. There is no name and no e-mail in them. The file
has its name only when it is complete.

\b
Examples:
  commerce-events export --output results.parquet                    everything that is kept
  commerce-events export --from 2026-01-31T00:00:00Z --output january.parquet
  commerce-events export --format ndjson | jq .outcome
  commerce-events export --table refund-requests --format csv --output requests.csv
  commerce-events export --dry-run                                   how much it would be
"""


@click.command(help=HELP, short_help="Write the results into a Parquet, NDJSON or CSV file.")
@click.option(
    "--from", "start", default="earliest", show_default=True, metavar="earliest|TIME",
    help="Where to begin; TIME in ISO 8601, in UTC if it names no zone. It is the time of publishing.",
)
@click.option("--table", "name", type=click.Choice(tuple(TABLES)), default="results", show_default=True, help="What.")
@click.option(
    "--format", "how", type=click.Choice(tuple(FORMATS)), default="parquet", show_default=True, help="Of the file."
)
@click.option(
    "--output", metavar="FILE", default=STDOUT, show_default=True,
    help="Where to; - is stdout, which Parquet cannot take.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@click.option("--dry-run", is_flag=True, help="Say how much it would be, and write nothing.")
@connected
def export(start: str, name: str, how: str, output: str, overwrite: bool, dry_run: bool, **where: Any) -> None:
    """Export."""
    begin = _start(start)
    if how == "parquet":
        if output == STDOUT and not dry_run:
            raise click.UsageError("--format parquet needs --output FILE")
        _need_pyarrow()
    table, connection = TABLES[name], connect(**where)
    topic = connection.full_topic(topics.FULFILLMENT_TOPIC)
    reader = Reader(connection.config(), connection.registry(), [topic], begin)
    try:
        extent = reader.extent().values()
        total = sum(end - begin for begin, end in extent)
        if dry_run:
            click.echo(f"{total} messages of {topic}, in {len(extent)} partitions. Nothing was written.")
            return
        with File(output, how, table, overwrite) as file:
            broken = _written(reader, file, table, total)
            file.keep()
    finally:
        reader.close()
    said = f"{file.count} rows of {table.name}. Once per fact: {table.dedupe_key}; event time: {table.event_time}."
    click.echo(said, err=True)
    if broken:
        raise ContractError(
            f"{len(broken)} messages cannot be read and are left out, the first: {broken[0]}",
            hint="`commerce-events listen --results --from earliest` shows them. Everything else is in the file.",
        )


def _written(reader: Reader, file: File, table: Table, total: int) -> list[str]:
    """Write what is there; the places of what could not be read."""
    rows: list[Heard] = []
    broken: list[str] = []
    console = Console(stderr=True)
    columns = TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(table.name, total=total)
        for heard in reader.up_to_now():
            broken += [_place(each, each.problem) for each in heard if each.problem]
            rows += [each for each in heard if not each.problem and each.event_type in table.event_types]
            if len(rows) >= GROUP:
                broken += _add(file, table, rows)
                rows.clear()
            bar.advance(task, len(heard))
        broken += _add(file, table, rows)
    return broken


def _add(file: File, table: Table, rows: Sequence[Heard]) -> list[str]:
    """Write rows. Each is looked at only if a column does not take them: the contract's checks take their time."""
    try:
        file.write([each.body[table.argument] for each in rows])
    except ValueError:
        good, broken = [], []
        for each in rows:
            try:
                validate(each.event_type, each.body)
                good.append(each.body[table.argument])
            except ContractError as error:
                broken.append(_place(each, str(error)))
        file.write(good)
        return broken
    return []


def _place(heard: Heard, why: str) -> str:
    return f"{heard.topic}[{heard.partition}]@{heard.offset}: {why}"


def _start(text: str) -> str | datetime:
    if text == "earliest":
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError("--from takes earliest, or a time such as 2026-01-31T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise OperatorError(
            "Parquet needs pyarrow, which is not installed",
            hint="pip install 'openedx-commerce-events[analytics]'; or --format ndjson, or csv.",
        ) from None
