"""``commerce-events listen``: orders and results as they come, decoded."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from commerce_events import topics
from commerce_events.bus.reader import Heard, Reader
from commerce_events.cli.connection import connect, connected

HELP = """Show orders and results as they come, decoded. Joins no consumer group and changes nothing.

\b
Examples:
  commerce-events listen                                    both topics, from now on
  commerce-events listen --order shop:1001 --from earliest  the whole story of one order
  commerce-events listen --results --format ndjson | jq .   results for a program
  commerce-events listen --from earliest --until-idle 2     what there is, then end
"""
COLUMNS = ("time", "event", "order", "line", "outcome", "reason", "learner", "course", "mode", "final")


@click.command(help=HELP, short_help="Show orders and results as they come.")
@click.option("--order", "order_key", help="Only this order: SOURCE:ORDER_ID.")
@click.option("--results", is_flag=True, help="Only the results topic.")
@click.option("--orders", is_flag=True, help="Only the order topic.")
@click.option(
    "--from", "start", default="latest", show_default=True, metavar="earliest|latest|TIME",
    help="Where to begin; TIME in ISO 8601, in UTC if it names no zone.",
)
@click.option("--until-idle", type=float, metavar="SECONDS", help="End when nothing came for so long.")
@click.option("--count", type=click.IntRange(1), help="End after so many messages.")
@click.option(
    "--forward-to", metavar="URL", help="POST each message there as JSON; a refusal is told, and reading goes on."
)
@click.option(
    "--format", "how", type=click.Choice(("table", "json", "ndjson", "csv")), default="table", show_default=True,
    help="Of the messages.",
)
@connected
def listen(
    order_key: str | None, results: bool, orders: bool, start: str, until_idle: float | None, count: int | None,
    forward_to: str | None, how: str, **where: Any,
) -> None:  # fmt: skip
    """Listen."""
    connection = connect(**where)
    both = results == orders
    names = [connection.full_topic(topics.ORDER_TOPIC)] if orders or both else []
    names += [connection.full_topic(topics.FULFILLMENT_TOPIC)] if results or both else []
    reader = Reader(connection.config(), connection.registry(), names, _start(start))
    show = _printer(how)
    seen, last = 0, time.monotonic()
    try:
        while (count is None or seen < count) and (until_idle is None or time.monotonic() - last < until_idle):
            for heard in reader.read(0.2):
                last = time.monotonic()
                if order_key is None or heard.key == order_key or _inner(heard).get("order_key") == order_key:
                    seen += 1
                    show(heard)
                    if forward_to:
                        _forward(forward_to, heard)
                    if count is not None and seen >= count:
                        break
    except KeyboardInterrupt:
        pass
    finally:
        reader.close()
        if how == "json":
            show(None)
    if not seen:
        click.echo("Nothing came. To make something happen: commerce-events trigger order.paid", err=True)


def _start(text: str) -> str | datetime:
    if text in {"earliest", "latest"}:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError("--from takes earliest, latest, or a time such as 2026-01-31T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inner(heard: Heard) -> dict[str, Any]:
    return next((value for value in heard.body.values() if isinstance(value, dict)), {})


def record(heard: Heard) -> dict[str, Any]:
    """A message as JSON."""
    return {
        "topic": heard.topic, "partition": heard.partition, "offset": heard.offset, "time": heard.at.isoformat(),
        "key": heard.key, "type": heard.event_type, "id": heard.message_id, "data": heard.body,
        "problem": heard.problem,
    }  # fmt: skip


def rows(heard: Heard) -> list[tuple[str, ...]]:
    """A message as rows of the table: one for a result, one per line for an order."""
    inner, short = _inner(heard), ".".join(heard.event_type.split(".")[-3:-1])
    head = (heard.at.strftime("%H:%M:%S.%f")[:-3], short or "?", inner.get("order_key", heard.key))
    if heard.problem:
        return [(*head, "", "cannot be read", heard.problem, "", "", "", "")]
    if "outcome" in inner:
        after = (inner["mode_after"] or "") if inner["is_active_after"] else "none"
        return [(
            *head, inner["line_id"] or "", inner["outcome"], inner["reason_code"], str(inner["lms_user_id"] or ""),
            inner["course_key"] or "", f"{inner['mode_before'] or 'none'} → {after or 'none'}",
            "yes" if inner["is_final"] else "no",
        )]  # fmt: skip
    learner = inner.get("learner") or {}
    named = [about for about, name in (("(by name)", "username"), ("(by e-mail)", "email")) if learner.get(name)]
    who = str(learner.get("lms_user_id") or (named or [""])[0])
    return [
        (
            *head,
            line.get("line_id", ""),
            "",
            inner.get("refund_kind", ""),
            who,
            line.get("course_key") or "",
            line.get("mode") or "",
            "",
        )
        for line in inner.get("lines") or [{}]
    ]


def _printer(how: str) -> Callable[[Heard | None], None]:
    if how == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        return lambda heard: writer.writerows(rows(heard)) if heard else None
    if how == "ndjson":
        return lambda heard: click.echo(json.dumps(record(heard))) if heard else None
    if how == "json":
        kept: list[dict[str, Any]] = []
        return lambda heard: kept.append(record(heard)) if heard else click.echo(json.dumps(kept, indent=2))
    widths = (12, 23, 24, 8, 10, 20, 12, 32, 24, 5)

    def table(heard: Heard | None) -> None:
        for row in rows(heard) if heard else ():
            click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    click.echo("  ".join(f"{name:{width}}" for name, width in zip(COLUMNS, widths, strict=True)).rstrip(), err=True)
    return table


def _forward(url: str, heard: Heard) -> None:
    import requests

    try:
        answer = requests.post(url, json=record(heard), timeout=5)
        if answer.status_code >= 400:
            click.echo(f"{url} answered {answer.status_code} to offset {heard.offset}", err=True)
    except requests.RequestException as error:
        click.echo(f"{url} does not answer ({type(error).__name__}), offset {heard.offset} was not forwarded", err=True)
