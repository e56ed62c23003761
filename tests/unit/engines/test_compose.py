"""The compose file agrees with what else says the same: versions, settings, topics."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from commerce_events.bus.embedded import settings
from commerce_events.topics import TOPICS

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path(settings.__file__).parent
#: Where the container listens and keeps its data; the native broker says these for itself.
OWN = {
    "controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs",
}  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text(encoding="utf-8"))
    return dict(said["services"])


def test_the_container_reads_the_file_of_settings_that_the_native_broker_reads(services: dict[str, Any]) -> None:
    (env_file,) = [services["kafka"]["env_file"]]

    assert (ROOT / env_file).resolve() == PACKAGE / "broker.env"


def test_the_container_adds_nothing_but_its_places(services: dict[str, Any]) -> None:
    assert settings.properties(services["kafka"]["environment"]).keys() == OWN


def test_versions_are_those_that_maven_fetches(services: dict[str, Any]) -> None:
    pom = ET.parse(PACKAGE / "pom.xml")
    space = "{http://maven.apache.org/POM/4.0.0}"
    versions = {name: pom.findtext(f"{space}properties/{space}{name}.version") for name in ("kafka", "apicurio")}

    assert services["kafka"]["image"] == services["topics"]["image"] == f"apache/kafka:{versions['kafka']}"
    assert services["registry"]["image"] == f"apicurio/apicurio-registry:{versions['apicurio']}"


def test_topics_are_those_of_the_table(services: dict[str, Any]) -> None:
    script = services["topics"]["command"][0]
    created = {
        (name, int(partitions), int(retention))
        for name, partitions, retention in re.findall(r"^create (\S+) (\S+) (\S+)$", script, re.MULTILINE)
    }

    assert created == {(topic.name, topic.partitions, topic.retention_ms) for topic in TOPICS.values()}


def test_the_user_interface_is_asked_for_by_its_profile(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("profiles")] == ["ui"]


def test_what_runs_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} >= {"kafka", "registry"}


def test_ports_are_open_to_this_machine_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
