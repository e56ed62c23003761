"""The broker, the registry and the topics of docker-compose.kafka.yml, in place of those the other tests find."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import docker
from tests.engines.broker import Broker, in_docker

PREFIX = "compose"


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The compose file, up and healthy; down again at the end, its data deleted."""
    reason = docker.lacks()
    if reason:
        pytest.skip(f"docker-compose.kafka.yml was not shown: {reason}")
    with in_docker() as broker:
        yield broker


@pytest.fixture
def prefix(broker: Broker, settings: Any) -> str:
    """The prefix under which the compose file's one-shot service made the topics."""
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = broker.registry_url
    settings.EVENT_BUS_TOPIC_PREFIX = PREFIX
    return PREFIX
