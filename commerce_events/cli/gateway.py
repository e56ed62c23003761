"""``commerce-events gateway``: receive stores' webhooks on this machine, and publish what they tell."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from types import FrameType

import click

from commerce_events.bus.access import BOOTSTRAP, PREFIX, REGISTRY
from commerce_events.bus.embedded import embedded
from commerce_events.cli.connection import settings_imported
from commerce_events.cli.dev import exports, register_schemas

HELP = """Receive stores' webhooks, and publish what they tell: everything in one process, on SQLite.

Stores stand in the file that COMMERCE_GATEWAY_CONFIG names, or in the settings of DJANGO_SETTINGS_MODULE. For several
workers on PostgreSQL or MariaDB see docs/how-tos/receive-webhooks.rst.

\b
Examples:
  commerce-events gateway --embedded                 with a broker of its own, that forgets everything
  COMMERCE_GATEWAY_CONFIG=gateway.toml commerce-events gateway --port 8000
"""


@click.command(help=HELP, short_help="Receive stores' webhooks on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for a free one.")
@click.option("--embedded", "alone", is_flag=True, help="Start a broker and a registry, to try it.")
def gateway(host: str, port: int, alone: bool) -> None:
    """Serve until a signal."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce_events.gateway.settings")
    with ExitStack() as running:
        if alone:
            engine = running.enter_context(embedded())
            prefix = os.environ.setdefault(PREFIX, "dev")
            engine.create_topics(prefix)
            register_schemas(engine.registry_url, prefix)
            os.environ.update({BOOTSTRAP: engine.bootstrap, REGISTRY: engine.registry_url})
            click.echo(exports({BOOTSTRAP: engine.bootstrap, REGISTRY: engine.registry_url, PREFIX: prefix}), err=True)
        with settings_imported():
            import django

            django.setup()
        from django.core.management import call_command

        from commerce_events import checks
        from commerce_events.gateway.serve import Service
        from commerce_events.stores.conf import stores

        call_command("migrate", verbosity=0)
        if alone:
            _forget_positions()
        checks.refuse()
        from commerce_events.gateway.wsgi import application

        service = Service(host, port, application)

        def stop(number: int, frame: FrameType | None) -> None:
            service.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        for source in stores():
            click.echo(f"{service.address}/webhooks/{source}")
        if not stores():
            click.echo("No store is named: COMMERCE_EVENTS['STORES'].", err=True)
        click.echo("Ctrl-C stops it.", err=True)
        service.run()
        click.echo("Stopped.", err=True)


def _forget_positions() -> None:
    """The broker of last time is gone with all that it held: nobody stands anywhere in this one."""
    from django.db import connection

    from commerce_events.exceptions import OperatorError
    from commerce_events.models import Position

    if connection.vendor != "sqlite" and Position.objects.exists():
        raise OperatorError(
            "--embedded is to try it, and this database was read into from a broker that remembers",
            hint="Give --embedded a database of its own, or leave the option out and name the broker in the settings.",
        )
    Position.objects.all().delete()
