"""The embedded engine serves the platform's own event bus, and our client of the registry."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce_events import wire
from commerce_events.bus.embedded import Engine, embedded
from commerce_events.exceptions import ContractError, OperatorError, TransientError
from commerce_events.registry import Registry
from commerce_events.topics import FULFILLMENT_TOPIC, ORDER_PAID_TYPE, ORDER_TOPIC, full_topic, subject

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "embedded"
SUBJECT = subject(full_topic(ORDER_TOPIC, PREFIX), ORDER_PAID_TYPE)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with embedded() as engine:
        engine.create_topics(PREFIX)
        yield engine


def test_the_stock_consumer_receives_what_the_stock_producer_sends(engine: Engine) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.embedded.stock_bus"], capture_output=True, text=True, check=False,
        timeout=90, cwd=ROOT, env={
            **os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "COMMERCE_EVENTS_TEST_PREFIX": PREFIX,
            "COMMERCE_EVENTS_TEST_BOOTSTRAP": engine.bootstrap, "COMMERCE_EVENTS_TEST_REGISTRY": engine.registry_url,
        },
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == "shop:stock-1\n"
    registry = Registry(engine.registry_url)
    assert registry.versions(SUBJECT) == [1]
    assert registry.look_up(SUBJECT, wire.schema_text(ORDER_PAID_TYPE))  # what the stock producer registered is ours


def test_our_registry_client_registers_finds_and_reads_back(engine: Engine) -> None:
    text = wire.schema_text(ORDER_PAID_TYPE)
    with pytest.raises(OperatorError):
        Registry(engine.registry_url).look_up(SUBJECT, text)

    schema_id = Registry(engine.registry_url).register(SUBJECT, text)

    other = Registry(engine.registry_url)
    assert other.look_up(SUBJECT, text) == schema_id
    assert other.schema_by_id(schema_id) == text
    assert other.versions(SUBJECT) == [1]
    with pytest.raises(ContractError):
        other.schema_by_id(schema_id + 1)


def test_a_registry_that_has_ended_is_worth_another_try() -> None:
    with embedded() as engine:
        registry = Registry(engine.registry_url)
    with pytest.raises(TransientError):
        registry.subjects()


def test_topics_under_two_prefixes_do_not_meet(engine: Engine) -> None:
    made = engine.create_topics("another")

    assert full_topic(FULFILLMENT_TOPIC, "another") in made
    assert engine.create_topics("another") == []
