"""Where broker and registry are, for every command that talks to them.

Options, else the stock event bus's names in the environment, else Django's settings if ``DJANGO_SETTINGS_MODULE`` is
set.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from commerce_events import topics
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry

NAMES = {
    "bootstrap": "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS",
    "registry": "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL",
    "prefix": "EVENT_BUS_TOPIC_PREFIX",
}

#: What is wrong is said once, by the command; librdkafka would say it ten times a second.
_QUIET = {"log_level": 0, "log.connection.close": False, "reconnect.backoff.ms": 500}

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Connection:
    """Addresses, and any librdkafka settings (``--kafka name=value``)."""

    bootstrap: str
    registry_url: str
    prefix: str
    kafka: dict[str, str] = field(default_factory=dict, repr=False)

    def config(self, **more: Any) -> dict[str, Any]:
        """Librdkafka's configuration."""
        return {"bootstrap.servers": self.bootstrap, "client.id": "commerce-events-cli", **_QUIET, **self.kafka, **more}

    def registry(self) -> Registry:
        """The schema registry; user and password from the stock settings' names in the environment."""
        key = os.environ.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "")
        secret = os.environ.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "")
        return Registry(self.registry_url, auth=(key, secret) if key else None)

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return topics.full_topic(name, self.prefix)


def connected(command: F) -> F:
    """Options of a command that needs broker and registry; it is called with ``connection``."""
    options = (
        click.option("--bootstrap", envvar=NAMES["bootstrap"], help="Kafka's host:port.", show_envvar=True),
        click.option("--registry", envvar=NAMES["registry"], help="Address of the schema registry.", show_envvar=True),
        click.option("--prefix", envvar=NAMES["prefix"], help="Of the topics.", show_envvar=True),
        click.option("--kafka", multiple=True, metavar="NAME=VALUE", help="Any librdkafka setting, may be repeated."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def connect(bootstrap: str | None, registry: str | None, prefix: str | None, kafka: tuple[str, ...]) -> Connection:
    """The connection that options, environment and Django's settings say together.

    Raises:
        OperatorError: an address is nowhere said.
    """
    said = {"bootstrap": bootstrap, "registry": registry, "prefix": prefix}
    if os.environ.get("DJANGO_SETTINGS_MODULE") and not (bootstrap and registry):
        from django.conf import settings

        said = {name: value or getattr(settings, NAMES[name], None) for name, value in said.items()}
    for name in ("bootstrap", "registry"):
        if not said[name]:
            raise OperatorError(
                f"no address: give --{name} or set {NAMES[name]}",
                hint="For a broker to try things on run `commerce-events dev` in another terminal: it prints both.",
            )
    pairs = dict(pair.split("=", 1) for pair in kafka if "=" in pair)
    if len(pairs) < len(kafka):
        raise click.UsageError("--kafka takes NAME=VALUE, as in --kafka security.protocol=SASL_SSL")
    return Connection(str(said["bootstrap"]), str(said["registry"]), said["prefix"] or "", pairs)
