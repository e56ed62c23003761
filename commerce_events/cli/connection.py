"""Where broker and registry are and how to log in, for every command that talks to them.

Options, else the stock event bus's names in the environment, else Django's settings if ``DJANGO_SETTINGS_MODULE`` is
set: its addresses, its logins and COMMERCE_EVENTS['KAFKA'], so that a command stands where the consumer stands. What
the settings know to log in with goes to the settings' own broker and registry only: an option that names another one
is not told the site's password.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from commerce_events.bus import access
from commerce_events.bus.access import Access, Said
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry

NAMES = {"bootstrap": access.BOOTSTRAP, "registry": access.REGISTRY, "prefix": access.PREFIX}

#: What is wrong is said once, by the command; librdkafka would say it ten times a second.
_QUIET = {"log_level": 0, "log.connection.close": False, "reconnect.backoff.ms": 500}
_MISSING = (
    f"Give --bootstrap and --registry, or set {access.BOOTSTRAP} and {access.REGISTRY}. For a broker to try things on "
    "run `commerce-events dev` in another terminal: it prints both."
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Connection(Access):
    """Addresses, logins, and any librdkafka settings (``--kafka name=value``)."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Librdkafka's configuration."""
        always = {"bootstrap.servers": self.bootstrap, "client.id": "commerce-events-cli", **_QUIET, **access.SILENCE}
        return {**always, **self.kafka, **more}


def connected(command: F) -> F:
    """Options of a command that needs broker and registry; it is called with ``connection``."""
    options = (
        click.option("--bootstrap", envvar=NAMES["bootstrap"], help="Kafka's host:port.", show_envvar=True),
        click.option("--registry", envvar=NAMES["registry"], help="Address of the schema registry.", show_envvar=True),
        click.option("--prefix", envvar=NAMES["prefix"], help="Of the topics.", show_envvar=True),
        click.option(
            "--kafka", multiple=True, metavar="NAME=VALUE",
            help="Any librdkafka setting, may be repeated. A login is better said by EVENT_BUS_KAFKA_API_KEY and "
            "EVENT_BUS_KAFKA_API_SECRET: everybody on a machine sees the options of its processes.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def connect(bootstrap: str | None, registry: str | None, prefix: str | None, kafka: tuple[str, ...]) -> Connection:
    """The connection that options, environment and Django's settings say together.

    Raises:
        OperatorError: an address is nowhere said, or something said cannot be right.
    """
    pairs = dict(pair.split("=", 1) for pair in kafka if "=" in pair)
    if len(pairs) < len(kafka):
        raise click.UsageError("--kafka takes NAME=VALUE, each name once, as in --kafka security.protocol=SASL_SSL")
    asked = _Asked({access.BOOTSTRAP: bootstrap, access.REGISTRY: registry, access.PREFIX: prefix})
    site = asked.site_kafka() if asked.of_site(access.BOOTSTRAP) else {}
    return Connection(**vars(access.access(
        asked, asked.trusted(access.BOOTSTRAP), asked.trusted(access.REGISTRY), {**site, **pairs}, _MISSING
    )))  # fmt: skip


def registry_at(url: str | None, prefix: str | None) -> tuple[Registry, str]:
    """The registry and the prefix alone, for what needs no broker."""
    asked = _Asked({access.REGISTRY: url, access.PREFIX: prefix})
    said = asked(access.REGISTRY)
    if not said:
        raise OperatorError(f"{access.REGISTRY} is not set", hint=_MISSING)
    login = access.login(asked.trusted(access.REGISTRY), *access.REGISTRY_LOGIN)
    return Registry(access.registry_url(said), auth=login), access.prefix(asked(access.PREFIX))


def prefix_of(prefix: str | None) -> str:
    """The prefix alone, for what is not sent."""
    return access.prefix(_Asked({access.PREFIX: prefix})(access.PREFIX))


class _Asked:
    """Answers a name: what was given, else the environment, else the settings of the site, if there is one."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        self.given = given
        self.site: Any = None
        if os.environ.get("DJANGO_SETTINGS_MODULE"):
            with settings_imported():
                from django.conf import settings

                settings.INSTALLED_APPS  # noqa: B018  reads the module now, where its failure is told
                self.site = settings

    def __call__(self, name: str) -> Any:
        return self.given.get(name) or os.environ.get(name) or access.of(self.site)(name)

    def of_site(self, name: str) -> bool:
        """Whether an address is the one that the site's settings say."""
        known = access.of(self.site)(name)
        return bool(known) and self(name) == known

    def trusted(self, name: str) -> list[Said]:
        """Who may say the login at an address."""
        return [os.environ.get, *([access.of(self.site)] if self.of_site(name) else [])]

    def site_kafka(self) -> dict[str, Any]:
        """COMMERCE_EVENTS['KAFKA'], as the consumer has it."""
        from commerce_events.bus.conf import merged

        return dict(merged()["KAFKA"])


@contextmanager
def settings_imported() -> Iterator[None]:
    """Django's settings are imported inside; from the project's folder, as manage.py would."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        from django.core.exceptions import ImproperlyConfigured

        refused: tuple[type[Exception], ...] = (ImportError, ImproperlyConfigured)
    except ImportError:
        refused = (ImportError,)
    try:
        yield
    except refused as error:
        raise OperatorError(
            f"the settings {os.environ['DJANGO_SETTINGS_MODULE']} cannot be used: {error}",
            hint="Run it in the folder of manage.py, with the environment that the site runs with; or unset "
            "DJANGO_SETTINGS_MODULE and say where broker and registry are.",
        ) from error
