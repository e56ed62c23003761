"""``commerce-events trigger``: publish one order event by hand, any field as wanted."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import click

from commerce_events import topics, wire
from commerce_events.cli import reading
from commerce_events.cli.connection import connect, connected, prefix_of
from commerce_events.exceptions import ContractError
from commerce_events.testing import builders
from commerce_events.validation import validate

KINDS = {"order.paid": topics.ORDER_PAID_TYPE, "order.refunded": topics.ORDER_REFUNDED_TYPE}

HELP = """Publish one order event: a paid order of one seat, or its refund.

KIND is order.paid or order.refunded. Without --learner the buyer is learner@example.com; a number is an LMS user id,
text with an @ an e-mail address, anything else a user name.

\b
Examples:
  commerce-events trigger order.paid --order 1001 --learner learner@example.com --course course-v1:edX+DemoX+2026
  commerce-events trigger order.refunded --order 1001
  commerce-events trigger order.paid --set is_test=true --set lines.0.quantity=3
  commerce-events trigger order.paid --file order.json --repeat 10
  commerce-events trigger order.paid --dry-run           bytes, headers, key and partition; nothing is sent
"""


@click.command(help=HELP, short_help="Publish one order event by hand.")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.option("--order", "order_id", help="The store's order id. Without it a new one.")
@click.option("--source", default="shop", show_default=True, help="Slug of the store.")
@click.option("--learner", help="LMS user id, e-mail address or user name.")
@click.option("--course", default=builders.COURSE, show_default=True, help="Key of the course.")
@click.option("--mode", default="verified", show_default=True, help="That was bought.")
@click.option("--refund", "refund_id", default="r1", show_default=True, help="The store's refund id.")
@click.option(
    "--set", "fields", multiple=True, metavar="PATH=VALUE", help="Any field, as JSON or text; may be repeated."
)
@click.option("--file", "path", type=reading.JSON_FILE, help="The event as JSON; - for standard input.")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="Send it so often: duplicates.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent.")
@click.option(
    "--format", "how", type=click.Choice(("table", "json")), default="table", show_default=True, help="Of the result."
)
@connected
def trigger(
    kind: str, order_id: str | None, source: str, learner: str | None, course: str, mode: str, refund_id: str,
    fields: tuple[str, ...], path: str | None, repeat: int, dry_run: bool, how: str, **where: Any,
) -> None:  # fmt: skip
    """Publish."""
    event_type = KINDS[kind]
    argument = topics.EVENT_TYPES[event_type].argument
    if path is not None:
        body = _read(path, argument)
    else:
        order_id = order_id or f"try-{uuid.uuid4().hex[:8]}"
        body = _built(kind, order_id, source, learner, course, mode, refund_id)
    for each in fields:
        _set(body[argument], each)
    if any(each.split("=")[0] in {"source", "order_id"} for each in fields):
        inner = body[argument]
        inner["order_key"] = topics.order_key(str(inner.get("source")), str(inner.get("order_id")))
    validate(event_type, body)
    encoded = wire.encode(event_type, body)
    if dry_run:
        _show(event_type, body, encoded, prefix_of(where["prefix"]), how)
        return
    from commerce_events.bus.client import StoreClient

    connection = connect(**where)
    with StoreClient(
        connection.bootstrap, connection.registry_url, prefix=connection.prefix, kafka=connection.config(),
        registry_auth=connection.registry_auth, register=True,
    ) as client:  # fmt: skip
        for _ in range(repeat):
            placed = client.publish(event_type, body)
    key = body[argument]["order_key"]
    if how == "json":
        click.echo(
            json.dumps({"key": key, "topic": placed.topic, "partition": placed.partition, "offset": placed.offset})
        )
    else:
        click.echo(
            f"{kind} {key} → {placed.topic}[{placed.partition}]@{placed.offset}"
            + (f" × {repeat}" if repeat > 1 else "")
        )
        click.echo(f"See what becomes of it: commerce-events listen --from earliest --order {key}", err=True)


def _read(path: str, argument: str) -> dict[str, Any]:
    """The event in a file, with its top-level field or without."""
    try:
        body = reading.value(reading.text(path))
    except ContractError as error:
        said = f"{reading.name(path)} {error.message}"
        raise ContractError(said, path=error.path, hint=error.hint) from None
    if not isinstance(body, dict) or not isinstance(body.get(argument, body), dict):
        raise ContractError(
            f"{reading.name(path)} holds no event", hint=f'One object is expected: {{"{argument}": {{...}}}}.'
        )
    return body if argument in body else {argument: body}


def _built(
    kind: str, order_id: str, source: str, learner: str | None, course: str, mode: str, refund_id: str
) -> dict[str, Any]:
    if kind == "order.refunded":
        return builders.order_refunded(order_id, source=source, refund_id=refund_id)
    who: dict[str, Any] = {}
    if learner:
        name = "lms_user_id" if learner.isdecimal() else "email" if "@" in learner else "username"
        who[name] = int(learner) if learner.isdecimal() else learner
    return builders.order_paid(order_id, source=source, course_key=course, mode=mode, **who)


def _set(body: Any, assignment: str) -> None:
    path, equals, text = assignment.partition("=")
    if not equals:
        raise click.UsageError(f"--set takes PATH=VALUE, not {assignment}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    *parents, last = path.split(".")
    try:
        for name in parents:
            body = body[int(name)] if isinstance(body, list) else body[name]
        place: Any = int(last) if isinstance(body, list) else last
        # an order id such as 1001 is text, although it could be a number
        body[place] = text if isinstance(body[place], str) and isinstance(value, int | float) else value
    except (KeyError, IndexError, ValueError, TypeError):
        raise click.UsageError(f"there is no field {path}") from None


def _show(event_type: str, body: dict[str, Any], encoded: bytes, prefix: str, how: str) -> None:
    from commerce_events.bus.partitions import partition_of

    (inner,) = body.values()
    key = inner["order_key"]
    headers = wire.headers(event_type, uuid.uuid4(), datetime.now(UTC), "commerce-events/trigger")
    row = topics.EVENT_TYPES[event_type]
    topic, partitions = topics.full_topic(row.topic, prefix), topics.TOPICS[row.topic].partitions
    facts = {
        "topic": topic, "key": key, "partition": f"{partition_of(key, partitions)} of {partitions}",
        "headers": {name: value.decode() for name, value in headers},
        "value": wire.frame(0, encoded).hex(), "bytes": len(encoded) + wire.HEADER_BYTES, "body": body,
    }  # fmt: skip
    if how == "json":
        click.echo(json.dumps(facts))
        return
    for name in ("topic", "key", "partition", "bytes", "value"):
        click.echo(f"{name:10} {facts[name]}")
    click.echo("           (the four bytes after the first are the registry's schema id: zeros in a dry run)")
    for name, value in facts["headers"].items():
        click.echo(f"header     {name}: {value}")
    click.echo(json.dumps(body, indent=2))
