"""``commerce-events validate``: does this JSON keep the contract? Offline, and pointed where it does not."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from commerce_events import topics, wire
from commerce_events.cli import reading
from commerce_events.cli.formats import formatted, show
from commerce_events.cli.names import EVENT_TYPE, short_name
from commerce_events.exceptions import ContractError
from commerce_events.validation import faults

#: What nobody can tell offline.
LIMITS = (
    "What it cannot know: whether the course and its mode exist, who the learner is, and whether the LMS allows this "
    "store. The LMS decides that, and its result event says it."
)
HELP = f"""Check events in JSON files against the contract, offline. Every fault is told with its place and a hint.

A file holds one event, a list of them, or one per line. An event is {{"order": {{...}}}}, or with --type the object
alone. Values are never printed. {LIMITS}

\b
Examples:
  commerce-events validate order.json                     the type is told by the top-level field
  commerce-events validate --type order.refunded r.json   the object without it
  my-export | commerce-events validate -                  from another program
  commerce-events validate --format ndjson *.json | jq .  for a program; ends with 6 if there is a fault
"""
COLUMNS = ("file", "event", "state", "path", "problem", "hint")
_TYPES = {row.argument: event_type for event_type, row in topics.EVENT_TYPES.items() if row.argument != "fulfillment"}


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands at one place of a file."""

    file: str
    value: Any


@click.command(help=HELP, short_help="Check events in JSON files, offline.")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...",
    type=reading.JSON_FILE,
)  # fmt: skip
@click.option("--type", "event_type", type=EVENT_TYPE, help="Of every event, e.g. order.paid.")
@formatted
def validate(files: tuple[str, ...], event_type: str | None, how: str) -> None:
    """Validate."""
    records: list[dict[str, str]] = []
    events = 0
    for file in files:
        try:
            for found in _events(file):
                events += 1
                records += _checked(found, event_type)
        except ContractError as error:
            events += 1
            records.append(_record(reading.name(file), "", error))
    if not events:
        raise ContractError("there is no event in it", path=", ".join(files), hint='An event is {"order": {...}}.')
    wrong = {record["file"] for record in records if record["state"] == "wrong"}
    show(records, COLUMNS if wrong or how != "table" else COLUMNS[:3], how)
    if how == "table" and not wrong:
        click.echo(LIMITS, err=True)
    if wrong:
        count = sum(record["state"] == "wrong" for record in records)
        raise ContractError(
            f"{count} fault{'s' * (count > 1)} in {len(wrong)} of {events} event{'s' * (events > 1)}",
            hint="Each field is explained in docs/references/data-dictionary.rst; "
            "`commerce-events schemas show order.paid --as example` prints a valid event.",
        )


def _events(file: str) -> Iterator[_Found]:
    """Every event in a file."""
    name, values = reading.name(file), reading.values(reading.text(file))
    for i, value in enumerate(values, start=1):
        yield _Found(f"{name}:{i}" if len(values) > 1 else name, value)


def _checked(found: _Found, event_type: str | None) -> Iterator[dict[str, str]]:
    try:
        known, body = _typed(found.value, event_type)
    except ContractError as error:
        yield _record(found.file, "", error)
        return
    wrong = list(faults(known, body))
    if not wrong:
        wrong = list(_unsendable(known, body))
    if not wrong:
        yield {"file": found.file, "event": short_name(known), "state": "valid", "path": "", "problem": "", "hint": ""}
    for fault in wrong:
        yield _record(found.file, short_name(known), fault)


def _unsendable(event_type: str, body: dict[str, Any]) -> Iterator[ContractError]:
    try:
        wire.encode(event_type, body)
    except ContractError as error:
        yield error


def _typed(value: Any, event_type: str | None) -> tuple[str, Any]:
    """The event type of a value, and the value as a body with its top-level field."""
    if not isinstance(value, dict):
        raise ContractError("is no event", hint='An event is an object: {"order": {...}}.')
    if event_type is not None:
        argument = topics.EVENT_TYPES[event_type].argument
        return event_type, value if list(value) == [argument] else {argument: value}
    for argument, known in _TYPES.items():
        if argument in value and isinstance(value[argument], dict):
            return known, value
    result = value.get("fulfillment")
    if isinstance(result, dict):
        known = topics.RESULT_TYPES.get(str(result.get("outcome")), "")
        if known:
            return known, value
        raise ContractError(
            "no outcome of the contract", path="fulfillment.outcome", hint=f"One of {', '.join(topics.RESULT_TYPES)}."
        )
    raise ContractError(
        "its type cannot be told",
        hint=f"Put it below {', '.join([*_TYPES, 'fulfillment'])}, or say the type: --type order.paid.",
    )


def _record(file: str, event: str, error: ContractError) -> dict[str, str]:
    told = {"path": error.path, "problem": error.message, "hint": error.hint}
    return {"file": file, "event": event, "state": "wrong", **told}
