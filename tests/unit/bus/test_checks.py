"""A dangerous configuration is named with an id and a remedy: a warning to an LMS, the end of our own commands."""
from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.core.checks import registry
from django.core.management import call_command, get_commands, load_command_class
from django.db import connection
from psycopg import IsolationLevel

from commerce_events import checks, topics
from commerce_events.bus import diagnosis
from commerce_events.bus.consumer import create_consumer
from commerce_events.bus.types import FAILURE
from commerce_events.exceptions import OperatorError
from commerce_events.management.command import CommerceCommand
from commerce_events.models import Position
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase

SITE = {"INSTALLATION": "test-lms"}
PRODUCED = {topics.ORDER_PAID_TYPE: {"orders": {"enabled": False, "event_key_field": "order.order_key"}}}
DANGEROUS: list[tuple[dict[str, Any], str, str]] = [
    ({"COMMERCE_EVENTS": {"INSTALATION": "x"}}, checks.SETTINGS, "INSTALATION"),
    ({"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": None}, checks.SETTINGS, "BOOTSTRAP_SERVERS"),
    ({"COMMERCE_EVENTS": {**SITE, "HANDLERS": ["no.such.Handler"]}}, checks.HANDLERS, "no.such.Handler"),
    ({"COMMERCE_EVENTS": {**SITE, "KAFKA": {"enable.auto.commit": "true"}}}, checks.KAFKA, "enable.auto.commit"),
    ({"COMMERCE_EVENTS": {**SITE, "KAFKA": {"auto.offset.reset": "latest"}}}, checks.KAFKA, "auto.offset.reset"),
    ({"COMMERCE_EVENTS": {**SITE, "TOPICS": ["test-orders"]}}, checks.PREFIX, "test-test-orders"),
    ({"EVENT_BUS_PRODUCER_CONFIG": PRODUCED}, checks.PRODUCER, topics.ORDER_PAID_TYPE),
]


@pytest.mark.parametrize(("said", "check", "about"), DANGEROUS)
def test_what_is_dangerous_is_a_warning_with_an_id_and_a_remedy(
    settings: Any, said: dict[str, Any], check: str, about: str
) -> None:
    for name, value in said.items():
        setattr(settings, name, value)
    (found,) = checks.bus()
    assert (found.id, bool(found.hint), found.is_serious()) == (check, True, False)
    assert about in found.msg


def test_the_settings_of_the_tests_are_not_dangerous(database: TestDatabase) -> None:
    assert checks.findings() == []


def test_what_kafka_may_be_told_is_not_dangerous(settings: Any) -> None:
    settings.COMMERCE_EVENTS = {**SITE, "KAFKA": {"enable.auto.commit": "false", "acks": "all", "linger.ms": 20}}
    assert checks.bus() == []


def test_what_kafka_may_not_be_told_is_explained_by_what_it_breaks(settings: Any) -> None:
    settings.COMMERCE_EVENTS = {**SITE, "KAFKA": {"acks": 1, "enable.auto.commit": True, "auto.offset.reset": "latest"}}
    hints = {found.msg.split()[2]: str(found.hint) for found in checks.bus()}
    assert "lost, doubled" in hints["acks,"]
    assert "Kafka's own commits" in hints["enable.auto.commit,"]
    assert "gap" in hints["auto.offset.reset,"]


@pytest.mark.parametrize(("options", "dangerous"), [
    ({}, False),
    ({"isolation_level": "read committed"}, False),
    ({"isolation_level": "repeatable read"}, True),
    ({"isolation_level": None}, True),
])  # fmt: skip
def test_the_isolation_level_of_the_settings(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], dangerous: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    assert [found.id for found in checks.bus()] == [checks.ISOLATION] * dangerous


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.REPEATABLE_READ.value])
def test_a_level_that_is_a_number_is_said_by_its_name(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch, level: Any
) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"isolation_level": level})
    (found,) = checks.bus()
    assert found.msg == "The database works in REPEATABLE READ."
    assert "Take isolation_level out" in str(found.hint)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"isolation_level": IsolationLevel.READ_COMMITTED.value})
    assert checks.bus() == []


def test_postgresql_needs_psycopg_3(postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.backends.postgresql.psycopg_any.is_psycopg3", False)
    (found,) = checks.bus()
    assert (found.id, found.is_serious()) == (checks.DRIVER, False)
    assert "pip install 'psycopg[binary]" in str(found.hint)
    assert [finding.state for finding in diagnosis.checked()] == [FAILURE]


def test_the_isolation_level_of_the_database(database: TestDatabase) -> None:
    if database.kind == "sqlite":
        return  # has no other
    session = {"postgresql": "SESSION CHARACTERISTICS AS TRANSACTION", "mariadb": "SESSION TRANSACTION"}[database.kind]
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {session} ISOLATION LEVEL REPEATABLE READ")
        assert checks.bus() == [], "only the database knows"
        (found,) = checks.bus(databases=["default"])
        assert found.id == checks.ISOLATION
        assert "REPEATABLE READ" in found.msg
    finally:
        connection.close()


def test_a_group_that_has_read_under_another_prefix(sqlite: TestDatabase, settings: Any) -> None:
    def read(topic: str) -> None:
        Position.objects.create(digest=topic.encode().ljust(32), group="test", topic=topic, partition=0, offset=5)

    settings.EVENT_BUS_TOPIC_PREFIX = "prod"
    settings.COMMERCE_EVENTS = {**SITE, "CONSUMER_GROUP": "test"}
    read("stage-commerce-order-lifecycle")
    assert checks.bus() == [], "only the database knows"
    (found,) = checks.bus(databases=["default"])
    assert found.id == checks.PREFIX
    assert "stage-commerce-order-lifecycle" in found.msg and "prod-commerce-order-lifecycle" in found.msg
    read("prod-commerce-order-lifecycle")
    assert checks.bus(databases=["default"]) == []


def test_before_the_first_migration_nothing_is_asked(sqlite: TestDatabase) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE commerce_events_position")
    assert checks.bus(databases=["default"]) == []


def test_our_app_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps

    monkeypatch.setattr(apps, "app_configs", dict(reversed(apps.app_configs.items())))
    assert [found.id for found in checks.bus()] == [checks.ORDER]


def test_every_command_of_ours_refuses(processes: Processes, database: TestDatabase) -> None:
    if database.kind != "sqlite":
        return  # nothing of it is about the database
    for command in ("commerce_gaps", "consume_commerce_events"):
        ended = processes.manage(command, settings={"HANDLERS": ["no.such.Handler"]})
        assert ended.returncode == 3, ended.stderr
        assert checks.HANDLERS in ended.stderr and "HINT" in ended.stderr
    assert processes.manage("check", settings={"HANDLERS": ["no.such.Handler"]}).returncode == 0
    assert processes.manage("commerce_gaps", "--skip-checks", settings={"HANDLERS": ["no.such.H"]}).returncode == 0


def test_every_command_of_ours_is_one_that_refuses() -> None:
    ours = {name: app for name, app in get_commands().items() if str(app).startswith(("commerce_", "consumers."))}
    assert {"commerce_purge", "commerce_retire_learner"} < ours.keys()
    for name, app in ours.items():
        assert isinstance(load_command_class(str(app), name), CommerceCommand)


def test_the_consumer_behind_the_stock_command_refuses(
    sqlite: TestDatabase, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EVENT_BUS_CONSUMER = "commerce_events.bus.consumer.create_consumer"
    settings.COMMERCE_EVENTS = {**SITE, "HANDLERS": ["no.such.Handler"]}
    with pytest.raises(SystemExit) as ended:
        call_command("consume_events", topic=["commerce-order-lifecycle"], group_id=["test"])
    assert ended.value.code == 3
    assert checks.HANDLERS in caplog.text


@pytest.mark.parametrize("said", [{}, {"INSTALATION": "x"}])
def test_the_stock_command_ends_with_a_code_that_tells_the_truth(
    sqlite: TestDatabase, settings: Any, said: dict[str, Any]
) -> None:
    """What fails while the stock command makes its consumer is ignored there, and the process would exit 0."""
    settings.COMMERCE_EVENTS = said
    consumer = create_consumer(topic="commerce-order-lifecycle", group_id="test")
    with pytest.raises(SystemExit) as ended:
        consumer.consume_indefinitely()
    assert ended.value.code == 3


def test_the_doctor_calls_it_a_failure(sqlite: TestDatabase, settings: Any) -> None:
    assert [finding.state for finding in diagnosis.checked()] == ["ok"]
    settings.EVENT_BUS_PRODUCER_CONFIG = PRODUCED
    (finding,) = diagnosis.checked()
    assert (finding.state, finding.about) == (FAILURE, f"check {checks.PRODUCER}")
    assert finding.hint


def test_an_operator_may_silence_a_check(sqlite: TestDatabase, settings: Any) -> None:
    settings.EVENT_BUS_PRODUCER_CONFIG = PRODUCED
    with pytest.raises(OperatorError, match=r"W006"):
        checks.refuse()
    settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, checks.PRODUCER]
    checks.refuse()


def test_every_check_has_the_tag() -> None:
    ours = [check for check in registry.registry.get_checks() if check.__module__.endswith("checks")
            and check.__module__.split(".")[0] in ("commerce_events", "consumers")]  # fmt: skip
    assert len(ours) >= 3
    assert all(check.tags == (checks.TAG,) for check in ours)
    assert importlib.import_module("commerce_events.checks").TAG == checks.TAG
