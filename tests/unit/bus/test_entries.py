"""Every entry of every dictionary of settings is checked when it is read, and refused with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from commerce_events import entries
from commerce_events.bus import conf as bus
from commerce_events.bus import diagnosis
from commerce_events.bus.consumer import create_consumer
from commerce_events.bus.entries import ENTRIES as OF_BUS
from commerce_events.checks import SETTINGS, findings, never_raises
from commerce_events.exceptions import OperatorError
from commerce_events.gateway import conf as gateway
from consumers.fulfillment import conf as fulfillment
from consumers.order_status import conf as order_status
from tests.engines.schema import TestDatabase

Read = Callable[[], Any]
NEEDED = {"INSTALLATION": "my-lms"}
DICTIONARIES: dict[str, tuple[dict[str, Any], dict[str, entries.Kind], Read]] = {
    "COMMERCE_EVENTS": (bus.DEFAULTS, OF_BUS, bus.merged),
    "COMMERCE_FULFILLMENT": (fulfillment.DEFAULTS, fulfillment.ENTRIES, fulfillment.policy),
    "COMMERCE_ORDER_STATUS": (order_status.DEFAULTS, order_status.ENTRIES, order_status.options),
    "COMMERCE_GATEWAY": (gateway.DEFAULTS, gateway.ENTRIES, gateway.options),
}
#: None of these is right for any entry.
NEVER: tuple[Any, ...] = (None, object(), -1, float("nan"), b"bytes")
WRONG: list[tuple[str, str, Any]] = [
    ("COMMERCE_EVENTS", "INSTALLATION", ""),
    ("COMMERCE_EVENTS", "INSTALLATION", "my lms"),
    ("COMMERCE_EVENTS", "INSTALLATION", "my:lms"),
    ("COMMERCE_EVENTS", "TOPICS", "commerce-order-lifecycle"),
    ("COMMERCE_EVENTS", "HANDLERS", "consumers.fulfillment.handler.FulfillmentHandler"),
    ("COMMERCE_EVENTS", "HANDLERS", [7]),
    ("COMMERCE_EVENTS", "KAFKA", [("a", "b")]),
    ("COMMERCE_EVENTS", "KAFKA", {7: "b"}),
    ("COMMERCE_EVENTS", "BATCH", 0),
    ("COMMERCE_EVENTS", "BATCH", 2.5),
    ("COMMERCE_EVENTS", "BATCH", True),
    ("COMMERCE_EVENTS", "BATCH", 1 << 30),
    ("COMMERCE_EVENTS", "LANES", "two"),
    ("COMMERCE_EVENTS", "STRAIGHT_PATH", "yes"),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", ["shop"]),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", {"shop": "many"}),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", {"shop": -5}),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", {"shop": 0}),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", {"shop": float("inf")}),
    ("COMMERCE_EVENTS", "SOURCE_LIMITS", {"Shop One": 5}),
    ("COMMERCE_EVENTS", "BREAKER_WINDOW", 0),
    ("COMMERCE_EVENTS", "BREAKER_SHARE", 1.5),
    ("COMMERCE_EVENTS", "TRANSIENT_HOURS", 1e12),
    ("COMMERCE_EVENTS", "RETENTION_DAYS", 0),
    ("COMMERCE_EVENTS", "RETENTION_DAYS", "long"),
    ("COMMERCE_EVENTS", "METRICS", "everywhere"),
    ("COMMERCE_FULFILLMENT", "SOURCES", ["shop"]),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"Shop One": {}}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"a:b": {}}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"x" * 33: {}}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"shop": None}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"shop": {"allow_test": "no"}}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"shop": {"allow_tests": True}}),
    ("COMMERCE_FULFILLMENT", "SOURCES", {"shop": {"refund_policy": "shred"}}),
    ("COMMERCE_FULFILLMENT", "GATEWAY", ""),
    ("COMMERCE_FULFILLMENT", "RANK", "verified"),
    ("COMMERCE_FULFILLMENT", "RANK", []),
    ("COMMERCE_FULFILLMENT", "WAITING_DAYS", "x"),
    ("COMMERCE_FULFILLMENT", "WAITING_DAYS", -4),
    ("COMMERCE_FULFILLMENT", "MODE_GRACE_HOURS", -4),
    ("COMMERCE_FULFILLMENT", "SHADOW", "shop"),
    ("COMMERCE_FULFILLMENT", "MODULES", ["webinar.Webinar"]),
    ("COMMERCE_ORDER_STATUS", "SOURCES", "shop"),
    ("COMMERCE_ORDER_STATUS", "RESEND_MINUTES", []),
    ("COMMERCE_ORDER_STATUS", "CALL_SECONDS", [0]),
    ("COMMERCE_ORDER_STATUS", "CALL_SECONDS", ["soon"]),
    ("COMMERCE_ORDER_STATUS", "HOOKS", {"shop": ["package.Hook"]}),
    ("COMMERCE_GATEWAY", "AT_ONCE", 0),
]


@pytest.mark.parametrize("name", DICTIONARIES)
def test_every_entry_has_a_kind_which_its_default_and_its_example_are(name: str, settings: Any) -> None:
    defaults, kinds, read = DICTIONARIES[name]
    assert kinds.keys() == defaults.keys()
    needs = NEEDED if name == "COMMERCE_EVENTS" else {}
    settings.__setattr__(f"{name}_DEFAULTS", {})
    settings.__setattr__(name, {**defaults, **needs})
    read()
    examples = {entry: kind.such_as for entry, kind in kinds.items() if kind.such_as is not None}
    entries.check(name, examples, kinds, defaults)


@pytest.mark.parametrize(("name", "entry"), [(name, entry) for name, said in DICTIONARIES.items() for entry in said[0]])
def test_no_entry_takes_what_is_never_right(name: str, entry: str, settings: Any) -> None:
    _, _, read = DICTIONARIES[name]
    for value in NEVER:
        setattr(settings, name, {entry: value})
        with pytest.raises(OperatorError, match=re.escape(f"{name}['{entry}']")):
            read()


@pytest.mark.parametrize(("name", "entry", "value"), WRONG)
def test_what_is_wrong_is_refused_with_its_name_and_an_example_and_the_page(
    name: str, entry: str, value: Any, settings: Any
) -> None:
    setattr(settings, name, {entry: value})
    with pytest.raises(OperatorError, match=re.escape(f"{name}['{entry}']")) as refused:
        DICTIONARIES[name][2]()
    page = refused.value.hint.split()[-4]
    assert Path(__file__).parents[3].joinpath(page).exists()
    assert ".py" not in refused.value.hint


def test_a_password_is_not_repeated(settings: Any) -> None:
    for name, entry in (("COMMERCE_EVENTS", "KAFKA"), ("COMMERCE_EVENTS", "STORES"), ("COMMERCE_GATEWAY", "RATES")):
        setattr(settings, name, {entry: "hunter2"})
        with pytest.raises(OperatorError) as refused:
            DICTIONARIES[name][2]()
        assert "hunter2" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("name", [f"{name}{end}" for name in DICTIONARIES for end in ("", "_DEFAULTS")])
@pytest.mark.parametrize("garbage", ["garbage", None, ["BATCH"], 7])
def test_a_dictionary_that_is_none_ends_no_command(
    name: str, garbage: Any, settings: Any, sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    setattr(settings, name, garbage)
    call_command("check")
    with pytest.raises(OperatorError, match=name):
        DICTIONARIES[name.removesuffix("_DEFAULTS")][2]()
    if "GATEWAY" not in name:  # which is a service of its own
        assert [message for message in findings() if name in message.msg]


@pytest.mark.parametrize(("name", "entry", "value"), [each for each in WRONG if each[0] != "COMMERCE_GATEWAY"])
def test_what_is_wrong_is_said_once_by_the_checks_and_by_doctor(
    name: str, entry: str, value: Any, settings: Any, sqlite: TestDatabase
) -> None:
    setattr(settings, name, {**getattr(settings, name, {}), entry: value})
    (found,) = findings()
    assert (f"{name}['{entry}']" in found.msg, found.is_serious(), bool(found.hint)) == (True, False, True)
    says = [f"{finding.state} {finding.says}" for finding in diagnosis.site()]
    assert [said for said in says if said.startswith(diagnosis.FAILURE) and f"{name}['{entry}']" in said]


def test_what_nobody_foresaw_is_a_warning_too() -> None:
    @never_raises(SETTINGS)
    def check() -> Any:
        raise ZeroDivisionError("by zero")

    (found,) = check()
    assert (found.id, found.is_serious(), bool(found.hint)) == (SETTINGS, False, True)
    assert "ZeroDivisionError: by zero" in found.msg


def test_the_consumer_behind_the_stock_command_says_it_when_it_runs(sqlite: TestDatabase, settings: Any) -> None:
    settings.COMMERCE_EVENTS = "garbage"
    with pytest.raises(SystemExit) as ended:
        create_consumer(topic="anything", group_id="test").consume_indefinitely()
    assert ended.value.code == 3
