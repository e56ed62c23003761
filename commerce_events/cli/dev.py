"""``commerce-events dev``: a broker and a registry on this machine, for as long as the command runs."""
from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from commerce_events import wire
from commerce_events.bus.access import BOOTSTRAP, PREFIX, REGISTRY
from commerce_events.bus.embedded import Engine, embedded, native
from commerce_events.bus.embedded.ports import listens
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry
from commerce_events.topics import EVENT_TYPES, TOPICS, full_topic, subject

HELP = """Hold up a broker and a schema registry on this machine, with the topics and schemas, until Ctrl-C.

The embedded broker needs nothing but Python and forgets everything when it ends. `--broker kafka` starts Apache Kafka
and Apicurio Registry without Docker: it needs Java 17 and, the first time, Maven and the network.

\b
Examples:
  commerce-events dev
  commerce-events dev --broker kafka --port 9092 --registry-port 8081
  commerce-events dev --broker kafka --data ~/kafka    keep topics and messages for the next time
  commerce-events dev --format env >dev.env            then, in another terminal: . ./dev.env
"""


@click.command(help=HELP, short_help="Hold up a broker and a schema registry on this machine.")
@click.option(
    "--broker", type=click.Choice(("embedded", "kafka")), default="embedded", show_default=True,
    help="Within Python alone, or Apache Kafka (needs Java).",
)  # fmt: skip
@click.option("--prefix", default="dev", show_default=True, help="Of the topics; '' for none.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of Kafka. Without it a free one.")
@click.option("--registry-port", type=click.IntRange(1, 65535), help="Of the registry. Without it a free one.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder that keeps Kafka's data.")
@click.option(
    "--format", "how", type=click.Choice(("table", "json", "env")), default="table", show_default=True,
    help="How the addresses are printed.",
)  # fmt: skip
def dev(broker: str, prefix: str, port: int | None, registry_port: int | None, data: Path | None, how: str) -> None:
    """Hold an engine up until a signal."""
    if broker == "embedded":
        for option, given in (("--port", port), ("--data", data)):
            if given is not None:
                raise click.UsageError(f"{option} is for --broker kafka: the embedded one keeps nothing")
    for option, wanted in (("--port", port), ("--registry-port", registry_port)):
        if wanted is not None and listens(wanted):
            raise OperatorError(f"port {wanted} is taken", hint=f"Give another {option}, or none for a free port.")
    try:
        with _ended_by_signals(), ExitStack() as running:
            click.echo(f"Starting {'Apache Kafka' if broker == 'kafka' else 'the embedded broker'} …", err=True)
            engine: Engine
            if broker == "kafka":
                folder = data.expanduser().resolve() if data is not None else None
                engine = running.enter_context(native(folder=folder, port=port or 0, registry_port=registry_port or 0))
            else:
                engine = running.enter_context(embedded(registry_port=registry_port or 0))
            engine.create_topics(prefix)
            register_schemas(engine.registry_url, prefix)
            for difference in engine.differences(prefix):
                click.echo(f"Kept from earlier: {difference}", err=True)
            show(engine, broker, prefix, how)
            click.echo("Ctrl-C stops it.", err=True)
            while engine.alive:
                time.sleep(0.2)
            raise OperatorError("the broker or the registry ended by itself", hint="Look above, or at --data's logs.")
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


def register_schemas(url: str, prefix: str) -> None:
    """Register every schema of the contract, so that producers in any language find it."""
    registry = Registry(url)
    for event_type, row in EVENT_TYPES.items():
        registry.register(subject(full_topic(row.topic, prefix), event_type), wire.schema_text(event_type))


def addresses(engine: Engine, prefix: str) -> dict[str, str]:
    """The settings that lead a client here."""
    return {BOOTSTRAP: engine.bootstrap, REGISTRY: engine.registry_url, PREFIX: prefix}


def show(engine: Engine, broker: str, prefix: str, how: str) -> None:
    """Print where the engine is, on stdout."""
    settings = addresses(engine, prefix)
    if how == "json":
        click.echo(json.dumps(_facts(engine, broker, prefix)))
    elif how == "env":
        click.echo(exports(settings))
    else:
        rows = [("broker", engine.bootstrap), ("registry", engine.registry_url), ("engine", engine.name)]
        rows += [
            ("topic", f"{full_topic(topic.name, prefix)} ({topic.partitions} partitions): {topic.holds}")
            for topic in TOPICS.values()
        ]
        click.echo("\n".join(f"{name:<10}{value}" for name, value in rows))
        click.echo(f"\nFor a second terminal:\n\n{exports(settings)}\n")
        lines = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
        click.echo(f"Or for Django's settings:\n\n{lines}\n")


def exports(settings: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items())


def _facts(engine: Engine, broker: str, prefix: str) -> dict[str, Any]:
    return {
        "broker": broker,
        "bootstrap": engine.bootstrap,
        "registry_url": engine.registry_url,
        "prefix": prefix,
        "topics": {full_topic(topic.name, prefix): topic.partitions for topic in TOPICS.values()},
    }


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does; further signals do not disturb the end."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
