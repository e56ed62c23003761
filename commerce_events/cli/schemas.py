"""``commerce-events schemas``: the contract's schemas, in the checkout and in a registry."""
from __future__ import annotations

import json
from typing import Any

import click

from commerce_events import avsc, topics, wire
from commerce_events.cli.connection import NAMES, registry_at
from commerce_events.cli.formats import formatted, show
from commerce_events.cli.names import EVENT_TYPE, short_name
from commerce_events.contract import examples, files, generate
from commerce_events.exceptions import CommerceEventsError, ContractError, OperatorError
from commerce_events.registry import Registry

HELP = """The schemas of the contract: generate, show, register, check. Without a subcommand: generate.

\b
Examples:
  commerce-events schemas list                       every event type with its topic and schema
  commerce-events schemas show order.paid            its .avsc
  commerce-events schemas register --registry URL    what would be registered; --yes does it
  commerce-events schemas check --registry URL       whether the registry holds what this release needs
  commerce-events schemas --check                    in a checkout: whether schemas/ is what the code says
"""
_CHECK = click.option("--check", is_flag=True, help="Write nothing; fail if something would be written.")


@click.group(help=HELP, short_help="Generate, show, register and check schemas.", invoke_without_command=True)
@_CHECK
@click.pass_context
def schemas(context: click.Context, check: bool) -> None:
    """Schemas."""
    if context.invoked_subcommand is None:
        _generate(check, release=False)


@schemas.command(name="generate")
@_CHECK
@click.option("--release", is_flag=True, help="Freeze the schemas of today and keep golden bytes of them.")
def generate_command(check: bool, release: bool) -> None:
    """Write schemas/ from the data classes: .avsc files, examples, the AsyncAPI document.

    Refuses a change that FULL_TRANSITIVE compatibility forbids. Works in a source checkout only.
    """
    _generate(check, release)


def _generate(check: bool, release: bool) -> None:
    folder = files.checkout()
    if check:
        faults = files.problems(folder)
        for fault in faults:
            click.echo(fault)
        if faults:
            raise OperatorError(
                f"schemas/ is not what it should be ({len(faults)})",
                hint="Run `commerce-events schemas`, look at the difference, and commit it.",
            )
        click.echo(f"schemas/ is what the code says: {len(topics.EVENT_TYPES)} event types.", err=True)
        return
    refused = files.refused(folder)
    if refused:
        raise OperatorError("the contract may not change like this:\n  " + "\n  ".join(refused), hint=files.NO_RELEASE)
    changed = files.write(folder) + (files.release(folder) if release else [])
    for path in changed:
        click.echo(f"schemas/{path}")
    click.echo(f"{len(changed)} files changed." if changed else "Nothing changed.", err=True)
    for notice in files.unreleased(folder):
        click.echo(notice, err=True)


@schemas.command(name="list")
@click.option("--prefix", envvar=NAMES["prefix"], default="", help="Of the topics.", show_envvar=True)
@formatted
def list_command(prefix: str, how: str) -> None:
    """Show every event type with its topic, its subject in the registry and the fingerprint of its schema."""
    records = []
    for event_type, row in topics.EVENT_TYPES.items():
        topic = topics.full_topic(row.topic, prefix)
        records.append({
            "event": short_name(event_type), "type": event_type, "topic": topic, "data": row.data_class,
            "subject": topics.subject(topic, event_type),
            "fingerprint": files.fingerprint(avsc.schema_text(event_type).encode())[:12],
        })  # fmt: skip
    columns = ("event", "topic", "data", "fingerprint") if how == "table" else tuple(records[0])
    show(records, columns, how)


@schemas.command(name="show")
@click.argument("event", type=EVENT_TYPE)
@click.option(
    "--as", "form", type=click.Choice(("avsc", "registered", "example")), default="avsc", show_default=True,
    help="avsc: to read; registered: byte for byte as it is registered; example: a valid event as JSON.",
)  # fmt: skip
def show_command(event: str, form: str) -> None:
    """Print the schema of EVENT, e.g. order.paid, or a valid example of it."""
    text = avsc.schema_text(event)
    if form == "avsc":
        text = generate.pretty(json.loads(text)).rstrip()
    elif form == "example":
        text = generate.pretty(examples.valid(event)).rstrip()
    click.echo(text)


def _registry_options(command: Any) -> Any:
    for option in (
        click.option("--prefix", envvar=NAMES["prefix"], help="Of the topics.", show_envvar=True),
        click.option(
            "--registry", "url", envvar=NAMES["registry"], show_envvar=True,
            help="Address of its Confluent-compatible API.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@schemas.command()
@_registry_options
@click.option("--yes", is_flag=True, help="Register; without it nothing is changed.")
@formatted
def register(url: str | None, prefix: str | None, yes: bool, how: str) -> None:
    """Register every schema under its topics. A dry run, unless --yes is given.

    Registering what is registered changes nothing.
    """
    registry, prefix = registry_at(url, prefix)
    records = []
    for event_type, subject in _subjects(prefix):
        text = avsc.schema_text(event_type)
        known = registry.find(subject, text)
        state = "registered" if known is not None else "would be registered"
        if known is None and yes:
            known, state = registry.register(subject, text), "registered now"
        records.append({"event": short_name(event_type), "state": state, "id": known or "", "subject": subject})
    show(records, ("event", "state", "id", "subject"), how)
    if not yes and any(record["state"] == "would be registered" for record in records):
        click.echo("Nothing was changed. To register: the same with --yes.", err=True)


@schemas.command()
@_registry_options
@formatted
def check(url: str | None, prefix: str | None, how: str) -> None:
    """Compare a registry with this release: is each schema there, and can we read every other one of its subjects?"""
    registry, prefix = registry_at(url, prefix)
    records: list[dict[str, Any]] = []
    for event_type, subject in _subjects(prefix):
        ours = avsc.schema_text(event_type)
        known = registry.find(subject, ours)
        head = {"event": short_name(event_type), "subject": subject}
        state = "registered" if known is not None else "missing"
        records.append({**head, "version": "ours", "state": state, "id": known or "", "detail": ""})
        records += [{**head, **other} for other in _others(registry, event_type, subject, ours)]
    show(records, ("event", "version", "state", "id", "detail", "subject"), how)
    if any(record["state"] == "missing" for record in records):
        raise OperatorError(
            "the registry lacks schemas of this release", hint="Run: commerce-events schemas register --yes"
        )
    if any(record["state"] == "unreadable" for record in records):
        raise OperatorError(
            "somebody registered schemas that we cannot read: events written with them are set aside",
            hint="Ask who registered them, and give them the .avsc of schemas/.",
        )


def _subjects(prefix: str) -> list[tuple[str, str]]:
    return [
        (event_type, topics.subject(topics.full_topic(row.topic, prefix), event_type))
        for event_type, row in topics.EVENT_TYPES.items()
    ]


def _others(registry: Registry, event_type: str, subject: str, ours: str) -> list[dict[str, Any]]:
    """Registered versions that are not ours, and whether we can read them."""
    found = []
    for version in registry.versions(subject):
        schema_id, text = registry.version(subject, version)
        try:
            if avsc.compact(text) == ours:
                continue
            wire.accept_writer(event_type, text)
            state, detail = "readable", ""
        except (ContractError, ValueError) as error:
            state, detail = "unreadable", str(error) if isinstance(error, CommerceEventsError) else "no JSON"
        found.append({"version": version, "state": state, "id": schema_id, "detail": detail})
    return found
