"""``commerce-events doctor``: says what is wrong and what to do, changes nothing, prints no secret."""
from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from commerce_events import topics, wire
from commerce_events.bus import diagnosis
from commerce_events.bus.embedded.registry import RegistryServer
from commerce_events.cli import main
from commerce_events.registry import Registry
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


class Curtailed(Registry):
    """Lists fewer subjects than it holds, as Apicurio does of more than a thousand."""

    def subjects(self) -> list[str]:
        return super().subjects()[:1]


def test_a_schema_is_known_though_the_registrys_list_ends_before_it() -> None:
    server = RegistryServer()
    try:
        registry = Curtailed(server.url)
        for event_type, row in topics.EVENT_TYPES.items():
            subject = topics.subject(topics.full_topic(row.topic, "prod"), event_type)
            registry.register(subject, wire.schema_text(event_type))
        assert {finding.state for finding in diagnosis.schemas(registry, "prod")} == {diagnosis.OK}
        *_, missing = diagnosis.schemas(registry, "dev")
        assert missing.state == diagnosis.WARNING and "not registered" in missing.says
    finally:
        server.close()


def test_without_a_broker_it_says_what_to_do() -> None:
    nobody = ("--bootstrap", "127.0.0.1:9", "--registry", "http://127.0.0.1:9")
    ended = doctor(*nobody, "--kafka", "sasl.password=hidden", "--format", "json")
    found = findings(ended)
    assert ended.exit_code == 3
    assert found["broker"]["state"] == found["registry"]["state"] == "failure"
    assert "commerce-events dev" in found["broker"]["hint"]
    assert "hidden" not in ended.output
