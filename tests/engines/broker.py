"""A broker with a registry: addresses in the environment, else Apache Kafka here, else in Docker, else embedded."""
from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka.admin import AdminClient

from commerce_events.bus import topics_admin
from commerce_events.bus.embedded import embedded, native
from commerce_events.bus.embedded.jars import find_java
from commerce_events.exceptions import OperatorError
from tests.engines import docker
from tests.engines.find import Offer, Search

BOOTSTRAP, REGISTRY = "COMMERCE_EVENTS_TEST_BOOTSTRAP", "COMMERCE_EVENTS_TEST_REGISTRY"
KINDS = ("environment", "native", "docker", "embedded")


@dataclass(frozen=True)
class Broker:
    """A broker and a registry to test on.

    ``engine`` is what holds them up, for tests of outages: its ``broker`` and ``registry`` can be stopped, killed and
    paused (``stoppable``); the embedded one has calls of its own. None when they are not ours.
    """

    kind: str
    bootstrap: str
    registry_url: str
    real: bool = True
    engine: Any = None

    @property
    def stoppable(self) -> bool:
        """Whether ``engine.broker`` and ``engine.registry`` are there to be stopped, killed and paused."""
        return self.kind in ("native", "docker")

    def create_topics(self, prefix: str, partitions: int) -> None:
        """Our topics under a prefix."""
        if self.kind in ("native", "embedded"):
            self.engine.create_topics(prefix, partitions=partitions)
        else:
            client = AdminClient({"bootstrap.servers": self.bootstrap})
            topics_admin.create_topics(client, prefix, partitions=partitions)


def broker() -> Search[Broker]:
    """Where the broker comes from."""
    wanted = os.environ.get("COMMERCE_EVENTS_TEST_BROKER", "")
    offers = {
        "environment": Offer(f"the addresses in {BOOTSTRAP} and {REGISTRY}", _lacks_environment, _environment),
        "native": Offer("Apache Kafka and Apicurio Registry, started here (Java)", _lacks_native, _native),
        "docker": Offer("docker-compose.kafka.yml", docker.lacks, in_docker),
        "embedded": Offer("the embedded broker", lambda: "", _embedded),
    }
    return Search("broker", [offer for kind, offer in offers.items() if wanted in ("", kind)])


def _lacks_environment() -> str:
    return "" if os.environ.get(BOOTSTRAP) and os.environ.get(REGISTRY) else "not set"


def _lacks_native() -> str:
    try:
        find_java()
    except OperatorError as error:
        return str(error)
    return "" if shutil.which("mvn") else "no Maven (mvn)"


@contextlib.contextmanager
def _environment() -> Iterator[Broker]:
    yield Broker("environment", os.environ[BOOTSTRAP], os.environ[REGISTRY])


@contextlib.contextmanager
def _native() -> Iterator[Broker]:
    with native() as engine:
        yield Broker("native", engine.bootstrap, engine.registry_url, engine=engine)


@contextlib.contextmanager
def in_docker() -> Iterator[Broker]:
    with docker.compose() as engine:
        yield Broker("docker", engine.bootstrap, engine.registry_url, engine=engine)


@contextlib.contextmanager
def _embedded() -> Iterator[Broker]:
    with embedded() as engine:
        yield Broker("embedded", engine.bootstrap, engine.registry_url, real=False, engine=engine)
