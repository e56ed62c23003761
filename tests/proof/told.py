"""Everything that objects with secrets say of themselves, and every error about settings with its traceback."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


def say(what: Callable[[], Any]) -> None:
    """Print it, or how it fails."""
    try:
        made = what()
        print(repr(made), str(made))
    except Exception:  # noqa: BLE001  it is told, with all that led to it
        traceback.print_exc()


def main() -> None:
    """Settings are named by the environment."""
    import django

    django.setup()
    from django.conf import settings
    from django.test import override_settings

    from commerce_events.bus import access, clients, kafka
    from commerce_events.bus.client import StoreClient
    from commerce_events.bus.conf import BusSettings, bus_settings
    from commerce_events.cli.connection import connect
    from commerce_events.stores import conf as stores
    from consumers.order_status import conf as status

    if "--careless" in sys.argv:  # what the search must find
        BusSettings.__repr__ = lambda self: str(vars(self))  # type: ignore[method-assign]
        kafka.without_secrets = lambda said, _: said  # type: ignore[assignment]
    secrets = json.loads(os.environ["COMMERCE_EVENTS_TEST_SECRETS"])
    said = bus_settings()
    for what in (
        lambda: said, lambda: said.registry(), lambda: connect(None, None, None, ()), stores.stores,
        lambda: [store.adapter for store in stores.stores().values()], status.options,
        lambda: status.hook(status.options(), "shop", "crm"), lambda: access.masked(said.kafka),
        lambda: clients.producer(said), lambda: clients.onlooker(said),
        lambda: StoreClient(said.bootstrap, said.registry_url, kafka=said.kafka, registry_auth=said.registry_auth),
        lambda: StoreClient("nowhere", f"ftp://a:{secrets['registry-url']}@x"),
        lambda: kafka.made(clients.Producer, {**said.kafka, "ssl.key.pem": secrets["pem"], "security.protocol": "SSL"}),
        lambda: kafka.made(clients.Producer, {**said.kafka, "sasl.password": [secrets["broker"]]}),
        lambda: kafka.made(clients.Producer, {**said.kafka, "acks": secrets["broker"], "no.such.password": "x"}),
    ):  # fmt: skip
        say(what)
    events, every = settings.COMMERCE_EVENTS, secrets["broker"]
    for wrong in (
        {"KAFKA": every}, {"KAFKA": [every]}, {"STORES": every}, {"STORES": {"shop": every}},
        {"STORES": {"shop": {"KIND": "woocommerce", "SECRETS": every}}},
        {"STORES": {"shop": {"KIND": "woocommerce", "SECRETS": [{every: every}]}}},
        {"STORES": {"shop": {"KIND": "woocommerce", "SECRETS": [every], "OPTIONS": every}}},
        {"STORES": {"shop": {"KIND": "woocommerce", "SECRETS": [every], "OPTIONS": {"consumer_secret": [every]}}}},
        {"STORES": {"shop": {"KIND": "woocommerce", "SECRETS": [every], "OPTIONS": {"url": f"http://a:{every}@x"}}}},
        {"STORES": {"shop": {"KIND": "stripe", "SECRETS": [every], "OPTIONS": {"api_key": every}}}},
        {"STORES": {"shop": {"KIND": "shopify", "SECRETS": [every], "OPTIONS": {"token": every}}}},
        {"STORES": {"shop": {"KIND": "saleor", "SECRETS": [every], "OPTIONS": {"token": every}}}},
        {"STORES": {"shop": {"KIND": "signed_json", "SECRETS": [every], "OPTIONS": {"token": every, "url": every}}}},
    ):  # fmt: skip
        with override_settings(COMMERCE_EVENTS={**events, **wrong}):
            say(bus_settings)
            say(stores.stores)
            say(_checked)
    hook = settings.COMMERCE_ORDER_STATUS["HOOKS"]["*"]["crm"]
    for bad in ({**hook, "SECRETS": every}, {**hook, "SECRETS": [every]}, {**hook, "SECRETS": [{every}]}, every):
        with override_settings(COMMERCE_ORDER_STATUS={"HOOKS": {"*": {"crm": bad}}}):
            say(lambda: status.hook(status.options(), "shop", "crm"))
            say(_checked)
    for url in (f"ftp://a:{every}@x", f"a:{every}@x", f"http://a:{every}@127.0.0.1:9", f"http://a:{every}@[x"):
        with override_settings(EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=url):
            say(bus_settings)
            say(lambda: bus_settings().registry().subjects())
            say(lambda: bus_settings().registry().schema_by_id(1))
            say(_checked)


def _checked() -> Any:
    from commerce_events import checks

    return checks.findings()


if __name__ == "__main__":
    main()
