"""``commerce-events demo``: the whole story on this machine, in under a minute.

A broker, a registry, a database, a store and an LMS, each as in production but small: librdkafka's cluster speaks the
real protocol, the database is SQLite, the store is a producer, the LMS is the worker with the reference gateway. Every
row of the table was read back from Kafka and the database; nothing is staged.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.bus.embedded import embedded, native
from commerce_events.bus.reader import Heard, Reader
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry

HELP = """Run the whole story: orders in, enrollments and results out, with everything that usually goes wrong.

\b
Examples:
  commerce-events demo                  embedded broker, SQLite; needs nothing but Python
  commerce-events demo --broker kafka   the same on Apache Kafka (needs Java and Maven)
  commerce-events demo --format ndjson  one line per scene, for programs
"""
PATIENCE = 20.0


@click.command(help=HELP, short_help="The whole story on this machine, in under a minute.")
@click.option(
    "--broker", type=click.Choice(("embedded", "kafka")), default="embedded", show_default=True,
    help="Within this process, or Apache Kafka (needs Java and Maven).",
)
@click.option(
    "--format", "how", type=click.Choice(("table", "ndjson")), default="table", show_default=True, help="Of the story."
)
def demo(broker: str, how: str) -> None:
    """Run it."""
    from commerce_events.cli import story

    console = Console()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="commerce-events-demo-")))
        click.echo(f"Starting {'Apache Kafka' if broker == 'kafka' else 'the embedded broker'} …", err=True)
        engine: Any = running.enter_context(native() if broker == "kafka" else embedded())
        engine.create_topics("demo", partitions=3)
        site = running.enter_context(_site(folder, engine.bootstrap, engine.registry_url))
        store = running.enter_context(StoreClient(engine.bootstrap, engine.registry_url, prefix="demo", register=True))
        names = [topics.full_topic(topic, "demo") for topic in (topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC)]
        reader = Reader({"bootstrap.servers": engine.bootstrap}, Registry(engine.registry_url), names, "earliest")
        running.callback(reader.close)
        results = Results(reader)
        play = story.Play(store, results, site, engine.bootstrap)
        failed = _show(console, story.scenes(play), how)
    if failed:
        raise OperatorError(
            f"{failed} scene(s) did not end as they should",
            hint="Run it again with COMMERCE_EVENTS_DEMO_LOG=1, and report it.",
        )
    if how == "table":
        _as_an_analyst_sees_it(console, results)
        _what_next(console)


def _show(console: Console, scenes: Iterator[Any], how: str) -> int:
    import json

    failed = 0
    if how == "ndjson":
        for scene in scenes:
            failed += not scene.ok
            click.echo(json.dumps(vars(scene)))
        return failed
    table = Table(
        "", "what happens", "result on Kafka", "seat in the LMS", title="Commerce events", title_justify="left"
    )
    with Live(table, console=console, refresh_per_second=8):
        for scene in scenes:
            failed += not scene.ok
            table.add_row("✓" if scene.ok else "✗", scene.title, scene.result, scene.seat)
    return failed


class Results:
    """The results topic as a store reads it: the current result of each line, action and refund."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.heard: list[Heard] = []

    def wait(self, order_key: str, count: int = 1) -> list[dict[str, Any]]:
        """The results of an order, once there are so many different ones; fewer if they do not come."""
        until = time.monotonic() + PATIENCE
        while True:
            found = self._of(order_key)
            if len(found) >= count or time.monotonic() > until:
                return found
            self.heard += self.reader.read(0.1)

    def still(self, seconds: float) -> None:
        """Listen for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.heard += self.reader.read(0.1)

    def _of(self, order_key: str) -> list[dict[str, Any]]:
        found = {}
        for heard in self.heard:
            result = heard.body.get("fulfillment")
            if result and result["order_key"] == order_key:
                found[result["result_id"]] = result
        return sorted(found.values(), key=lambda result: result["sequence"])


@contextmanager
def _site(folder: Path, bootstrap: str, registry_url: str) -> Iterator[Any]:
    """An LMS of our own: Django with SQLite, and the worker in a thread."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(**_settings(folder, bootstrap, registry_url))
    logging.basicConfig(
        level=logging.INFO if os.environ.get("COMMERCE_EVENTS_DEMO_LOG") else logging.CRITICAL,
        format="%(levelname)s %(name)s: %(message)s",
    )
    django.setup()
    call_command("migrate", verbosity=0)

    from commerce_events.bus import handlers
    from commerce_events.bus.conf import bus_settings
    from commerce_events.bus.worker import Options, Worker

    site = bus_settings()
    worker = Worker(site, handlers.load(site.handlers), Options(start="earliest"))
    thread = threading.Thread(target=worker.run, name="worker", daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(20)


def _settings(folder: Path, bootstrap: str, registry_url: str) -> dict[str, Any]:
    return {
        "SECRET_KEY": "demo", "USE_TZ": True, "TIME_ZONE": "UTC", "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGGING_CONFIG": None,
        "INSTALLED_APPS": [
            "django.contrib.auth", "django.contrib.contenttypes", "commerce_events", "consumers.fulfillment",
            "consumers.fulfillment.reference", "openedx_events",
        ],
        "DATABASES": {"default": {
            "ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "lms.sqlite3"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=wal;", "transaction_mode": "IMMEDIATE", "timeout": 30},
        }},
        "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": registry_url,
        "EVENT_BUS_TOPIC_PREFIX": "demo",
        "COMMERCE_EVENTS": {
            "INSTALLATION": "demo-lms", "HANDLERS": ["consumers.fulfillment.handler.FulfillmentHandler"],
            "REGISTER_SCHEMAS": True,
        },
        "COMMERCE_FULFILLMENT": {
            "SOURCES": {"shop": {}}, "GATEWAY": "consumers.fulfillment.reference.gateway.ReferenceGateway",
        },
    }  # fmt: skip


def _as_an_analyst_sees_it(console: Console, results: Results) -> None:
    """One row per result: the topic holds no names and no addresses, so anybody may read it."""
    columns = ("order_key", "action", "outcome", "reason_code", "mode_after", "is_final")
    table = Table(*columns, title="The results topic, as an analyst reads it", title_justify="left", box=None)
    for heard in results.heard:
        result = heard.body.get("fulfillment")
        if result:
            table.add_row(*("" if result[column] is None else str(result[column]) for column in columns))
    console.print("\n", table, sep="")


def _what_next(console: Console) -> None:
    console.print(
        "\nEvery result above was read back from Kafka, every seat from the LMS's database.\n\n"
        f"What to try next:\n{next_steps(Path(sys.argv[0]), shutil.which('commerce-events'), Path.cwd())}",
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip


def next_steps(running: Path, found: str | None, folder: Path) -> str:
    """Lines that can be typed as they stand, here and now.

    Arguments:
        running: this command as it was started.
        found: what a shell finds under its name, if anything.
        folder: where the shell stands.
    """
    lines = []
    activate = running.absolute().with_name("activate")
    if (found is None or not running.exists() or not running.samefile(found)) and activate.exists():
        here = activate.relative_to(folder) if activate.is_relative_to(folder) else activate
        lines.append((f". {shlex.quote(str(here))}", "so that commerce-events is found; in each terminal"))
    lines += [
        ("commerce-events dev", "a broker of your own, until Ctrl-C; paste the lines it prints in a second terminal"),
        ("commerce-events trigger order.paid", "there: publish an order"),
        ("commerce-events listen --from earliest", "there: see orders and results, decoded"),
        ("commerce-events doctor", "there: is everything as it must be?"),
    ]
    if (folder / "Makefile").exists():
        lines.append(("make test", "the whole suite; says which broker and databases it used"))
    width = max(len(line) for line, _ in lines) + 2
    return "\n".join(f"  {line:{width}}{what}" for line, what in lines)
