"""The ``commerce-events`` command. Each subcommand is a module of its own, imported when it is used.

To add one, add a line to :data:`COMMANDS`.
"""
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

#: Name of each subcommand, and where its click command is.
COMMANDS = {
    "demo": "commerce_events.cli.demo:demo",
    "doctor": "commerce_events.cli.doctor:doctor",
    "export": "consumers.analytics.export:export",
    "listen": "commerce_events.cli.listen:listen",
    "schemas": "commerce_events.cli.schemas:schemas",
    "trigger": "commerce_events.cli.trigger:trigger",
    "validate": "commerce_events.cli.validate:validate",
    "dev": "commerce_events.cli.dev:dev",
    "gateway": "commerce_events.cli.gateway:gateway",
}

INSTALL = "pip install 'openedx-commerce-events[cli]'"


def _not_installed() -> int:
    sys.stderr.write(f"The commerce-events command needs click and rich.\nInstall them: {INSTALL}\n")
    return 3


try:
    from commerce_events.cli.group import make_group
except ModuleNotFoundError as missing:
    if missing.name not in ("click", "rich"):
        raise
    main: click.Group = _not_installed  # type: ignore[assignment]
else:
    main = make_group(COMMANDS)
