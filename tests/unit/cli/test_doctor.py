"""``commerce-events doctor``: says what is wrong and what to do, changes nothing, prints no secret."""
from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from commerce_events import topics
from commerce_events.cli import main
from tests.engines.broker import Broker


@pytest.fixture(autouse=True)
def _no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def at(broker: Broker, prefix: str) -> tuple[str, ...]:
    return "--bootstrap", broker.bootstrap, "--registry", broker.registry_url, "--prefix", prefix


def findings(ended: Result) -> dict[str, dict[str, Any]]:
    return {row["about"]: row for row in json.loads(ended.stdout)}


def test_what_is_well_is_said_to_be(broker: Broker, prefix: str) -> None:
    ended = doctor(*at(broker, prefix), "--format", "json")
    found = findings(ended)
    assert found["broker"]["state"] == found["registry"]["state"] == "ok"
    assert found[f"topic {prefix}-{topics.ORDER_TOPIC}"]["state"] == "ok"
    assert ended.exit_code == 0, ended.output


def test_a_topic_that_is_missing_is_a_failure_with_its_fix_and_is_not_made(broker: Broker, prefix: str) -> None:
    ended = doctor(*at(broker, f"{prefix}-other"), "--format", "json")
    name = f"{prefix}-other-{topics.ORDER_TOPIC}"
    assert ended.exit_code == 3
    assert "--create-topics" in findings(ended)[f"topic {name}"]["hint"]
    assert name not in AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics


def test_without_a_broker_it_says_what_to_do() -> None:
    nobody = ("--bootstrap", "127.0.0.1:9", "--registry", "http://127.0.0.1:9")
    ended = doctor(*nobody, "--kafka", "sasl.password=hidden", "--format", "json")
    found = findings(ended)
    assert ended.exit_code == 3
    assert found["broker"]["state"] == found["registry"]["state"] == "failure"
    assert "commerce-events dev" in found["broker"]["hint"]
    assert "hidden" not in ended.output
