"""``python -m commerce_events.gateway``: the service on this machine; with a command, what ``manage.py`` would be.

::

    python -m commerce_events.gateway                        everything in one process, on SQLite
    python -m commerce_events.gateway migrate
    python -m commerce_events.gateway commerce_stores work
    python -m commerce_events.gateway consume_commerce_events --only relay
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> None:
    """Serve, or run a Django command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce_events.gateway.settings")
    if arguments and not arguments[0].startswith("-"):
        from django.core.management import execute_from_command_line

        from commerce_events.gateway.refusal import told

        with told():
            execute_from_command_line(["python -m commerce_events.gateway", *arguments])
    else:
        from commerce_events.cli import main as cli

        cli(["gateway", *arguments], prog_name="commerce-events")


if __name__ == "__main__":
    main(sys.argv[1:])
