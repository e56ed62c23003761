"""Settings are checked when they are read, and each refusal says what to write."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events.bus import handlers
from commerce_events.bus.conf import DEFAULTS, bus_settings
from commerce_events.exceptions import OperatorError


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        ("COMMERCE_EVENTS", {"INSTALATION": "x"}, "INSTALATION", "INSTALLATION"),
        ("COMMERCE_EVENTS", {}, "INSTALLATION", "slug"),
        ("COMMERCE_EVENTS", {"INSTALLATION": "x" * 33}, "32 characters", "my-lms"),
        ("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", None, "BOOTSTRAP_SERVERS is not set", "commerce-events dev"),
        ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", "", "REGISTRY_URL is not set", "commerce-events dev"),
        ("EVENT_BUS_KAFKA_API_KEY", "key", "set together", "plain text"),
    ],
)
def test_a_mistake_is_refused_with_what_to_write(settings: Any, name: str, value: Any, message: str, hint: str) -> None:
    setattr(settings, name, value)
    with pytest.raises(OperatorError, match=message) as raised:
        bus_settings()
    assert hint in raised.value.hint


def test_what_is_not_said_has_its_default_and_what_is_said_counts(settings: Any) -> None:
    settings.COMMERCE_EVENTS = {"INSTALLATION": "x", "BATCH": 7}
    read = bus_settings(HEALTH_FILE="/run/health")
    assert (read["BATCH"], read["HEALTH_FILE"], read["LEASE"]) == (7, "/run/health", DEFAULTS["LEASE"])


def test_the_stock_settings_secure_every_client_and_ours_have_the_last_word(settings: Any) -> None:
    settings.EVENT_BUS_KAFKA_API_KEY, settings.EVENT_BUS_KAFKA_API_SECRET = "key", "hidden"
    settings.COMMERCE_EVENTS = {"INSTALLATION": "x", "KAFKA": {"sasl.mechanism": "SCRAM-SHA-512"}}
    read = bus_settings()
    assert read.client()["security.protocol"] == "SASL_SSL"
    assert read.client()["sasl.mechanism"] == "SCRAM-SHA-512"
    assert "hidden" not in repr(read)


def test_topics_carry_the_prefix(settings: Any) -> None:
    settings.EVENT_BUS_TOPIC_PREFIX = "prod"
    assert bus_settings().full_topic("orders") == "prod-orders"
    settings.EVENT_BUS_TOPIC_PREFIX = None
    assert bus_settings().full_topic("orders") == "orders"


def test_the_topic_of_a_store_is_one_that_is_read(settings: Any) -> None:
    settings.EVENT_BUS_TOPIC_PREFIX = "prod"
    said = {"TOPICS": ["orders", "shop-orders"], "SOURCE_TOPICS": {"shop": "shop-orders"}}
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, **said}
    assert bus_settings().own_topics == {"shop": "prod-shop-orders"}
    settings.COMMERCE_EVENTS["TOPICS"] = ["orders"]
    with pytest.raises(OperatorError, match="not read: shop-orders"):
        bus_settings()


def test_a_handler_that_cannot_be_imported_is_refused() -> None:
    with pytest.raises(OperatorError, match="cannot be imported") as raised:
        handlers.load(["nowhere.Handler"])
    assert "installed" in raised.value.hint


def test_two_handlers_of_one_event_are_refused() -> None:
    path = "tests.unit.bus.recording.Recording"
    with pytest.raises(OperatorError, match="two handlers"):
        handlers.load([path, path])
    assert set(handlers.load([path])) >= {"internal.test.v1"}


def test_a_plugins_defaults_stand_below_what_the_site_says(settings: Any) -> None:
    settings.COMMERCE_EVENTS_DEFAULTS = {"HANDLERS": ["plugin.Handler"], "BATCH": 5}
    settings.COMMERCE_EVENTS = {"INSTALLATION": "x", "BATCH": 7}
    read = bus_settings()
    assert (read.handlers, read["BATCH"], read["LEASE"]) == (("plugin.Handler",), 7, DEFAULTS["LEASE"])
