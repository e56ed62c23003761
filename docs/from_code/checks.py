"""The page of system checks and exit codes: what scripts, alert rules and SILENCED_SYSTEM_CHECKS may depend on."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from django.core.management import load_command_class

from .commands import management_commands
from .rst import code, heading, note, table

MODULES = (
    "commerce_events.checks", "commerce_events.stores.checks", "commerce_events.gateway.checks",
    "commerce_events.stores.oscar.checks",
    "consumers.fulfillment.checks", "consumers.order_status.checks",
)  # fmt: skip
#: What each check finds. The message and the hint of a finding say it for the site at hand.
MEANINGS = {
    "commerce_events.W001": "``COMMERCE_EVENTS``, an address or a login is missing or cannot be right",
    "commerce_events.W002": "``COMMERCE_EVENTS['HANDLERS']`` names what cannot be imported",
    "commerce_events.W003": "``COMMERCE_EVENTS['KAFKA']`` contradicts what the promises rest on",
    "commerce_events.W004": "the prefix stands in a topic's name already, or was changed after the group began",
    "commerce_events.W005": "the database does not work in READ COMMITTED",
    "commerce_events.W006": "``EVENT_BUS_PRODUCER_CONFIG`` names an event type of ours",
    "commerce_events.W007": "``openedx_events`` stands before ``commerce_events`` in ``INSTALLED_APPS``",
    "commerce_events.W008": "the database is PostgreSQL, and psycopg 3 is not installed",
    "commerce_stores.W001": "what ``COMMERCE_EVENTS['STORES']`` says of a store cannot be used",
    "commerce_stores.W002": "two stores have a secret in common",
    "commerce_stores.W003": "a store has more than two secrets",
    "commerce_stores.W004": "a store's secret is short enough to be guessed",
    "commerce_stores.W005": "``COMMERCE_GATEWAY`` cannot be used",
    "commerce_oscar.W001": "an Oscar shop is heard, and ``COMMERCE_EVENTS['STORES']`` names no store of that kind",
    "commerce_fulfillment.W001": "``COMMERCE_FULFILLMENT`` cannot be used",
    "commerce_fulfillment.W002": "no store is on the allow-list",
    "commerce_fulfillment.W003": "the gateway cannot be used",
    "commerce_fulfillment.W004": "the platform's former e-commerce service would be asked for refunds as well",
    "commerce_fulfillment.W005": "this release of the platform has no signal that we listen to",
    "commerce_order_status.W001": "``COMMERCE_ORDER_STATUS`` cannot be used",
    "commerce_order_status.W002": "a hook cannot be made from its settings",
    "commerce_order_status.W003": "order status is installed, and nobody reads the results",
}
#: Of a command that declares none of its own.
SHARED = {0: "done; without --yes: said what would be done", 2: "the command line is wrong", 3: "an operator must act"}


def ids() -> set[str]:
    """Every id that the code declares."""
    values = (value for name in MODULES for value in vars(import_module(name)).values())
    return {value for value in values if isinstance(value, str) and value.startswith("commerce_") and ".W" in value}


def page() -> str:
    """Checks, then the exit codes of each command that has its own."""
    from commerce_events.cli.exits import EXITS

    if ids() != MEANINGS.keys():
        raise SystemExit(f"docs/from_code/checks.py does not explain, or invents: {sorted(ids() ^ MEANINGS.keys())}")
    text = note("the code's checks and exit codes") + heading("Checks and exit codes", "#")
    text += (
        "Both are stable: a number or an id keeps its meaning, and new ones are added.\n\n"
        + heading("System checks", "*")
        + "Django's ordinary commands warn; ``consume_commerce_events`` and our other commands, and "
        "``commerce-events doctor``,\nrefuse to work (exit code 3). ``SILENCED_SYSTEM_CHECKS`` leaves one out.\n\n"
        + table(("Id", "Finds that"), ((code(name), MEANINGS[name]) for name in sorted(MEANINGS)), "35 65")
        + heading("Exit codes of commerce-events", "*")
        + table(("Exit code", "Meaning"), ((code(number), EXITS[number]) for number in sorted(EXITS)), "15 85")
    )
    for app, name in management_commands():
        module: ModuleType = import_module(type(load_command_class(app, name)).__module__)
        exits = getattr(module, "EXIT", SHARED)
        text += heading(f"Exit codes of manage.py {name}", "*")
        text += table(("Exit code", "Meaning"), ((code(number), exits[number]) for number in sorted(exits)), "15 85")
    return text
