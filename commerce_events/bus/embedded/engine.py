"""One face for both engines: addresses, topics, and what a test of an outage does to them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka.admin import AdminClient

import commerce_events.topics as table
from commerce_events.bus import topics_admin
from commerce_events.bus.embedded.jars import jars
from commerce_events.bus.embedded.native import ApicurioRegistry, KafkaBroker, cluster
from commerce_events.bus.embedded.ports import LOOPBACK, free_ports
from commerce_events.exceptions import OperatorError


class Engine(Protocol):
    """A broker and a registry that are there to be used."""

    name: str
    real: bool  # whether what is shown on it is shown on Apache Kafka
    bootstrap: str
    registry_url: str

    def create_topics(
        self,
        prefix: str | None,
        topics: Iterable[table.Topic] = tuple(table.TOPICS.values()),
        *,
        partitions: int | None = None,
    ) -> list[str]:
        """Create the topics that are missing and answer their full names."""
        ...

    def differences(self, prefix: str | None) -> list[topics_admin.Difference]:
        """What differs between the topics and the table."""
        ...

    @property
    def alive(self) -> bool:
        """Whether all of it still runs."""
        ...


class EmbeddedEngine:
    """librdkafka's cluster and a small registry in a child process."""

    real = False

    def __init__(self, brokers: int = 1, registry_port: int = 0, registry_state: Path | None = None) -> None:
        self._lock = threading.Lock()
        root = str(Path(__file__).resolve().parents[3])  # found by the child however we were found
        paths = [root, os.environ.get("PYTHONPATH", "")]
        command = [sys.executable, "-m", "commerce_events.bus.embedded.host", f"--brokers={brokers}"]
        command += [f"--registry-port={registry_port}"]
        command += [f"--registry-state={registry_state}"] if registry_state is not None else []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            start_new_session=True,
        )
        addresses = self._read()
        self.bootstrap, self.registry_url = addresses["bootstrap"], addresses["registry_url"]
        self.name = "embedded cluster of librdkafka, and a small registry"

    def create_topics(
        self,
        prefix: str | None,
        topics: Iterable[table.Topic] = tuple(table.TOPICS.values()),
        *,
        partitions: int | None = None,
    ) -> list[str]:
        """See :class:`Engine`. The cluster keeps no time, so retention means nothing to it."""
        wanted = [(table.full_topic(topic.name, prefix), partitions or topic.partitions) for topic in topics]
        return [name for name, count in wanted if self.call("create_topic", name, count)]

    def differences(self, prefix: str | None) -> list[topics_admin.Difference]:
        """None: the cluster begins empty, and tells no settings."""
        return []

    @property
    def alive(self) -> bool:
        """See :class:`Engine`."""
        return self.process.poll() is None

    def call(self, call: str, *arguments: Any) -> Any:
        """Call a method of :class:`~commerce_events.bus.embedded.cluster.Cluster` in the child, such as ``down``."""
        assert self.process.stdin is not None
        with self._lock:
            self.process.stdin.write(json.dumps({"call": call, "with": arguments}) + "\n")
            self.process.stdin.flush()
            said = self._read()
        if "error" in said:
            raise ValueError(said["error"])
        return said["answer"]

    def stop(self) -> None:
        """End the child; everything in the cluster is lost."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # an order that it did not live to read
                    pipe.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise OperatorError("the embedded broker ended", hint="Its reason stands above, on standard error.")
        said: dict[str, Any] = json.loads(line)
        return said


class NativeEngine:
    """Apache Kafka and Apicurio Registry as child processes; each broker and the registry can be stopped by itself."""

    name = "Apache Kafka and Apicurio Registry from Maven Central, as processes of this machine"
    real = True

    def __init__(self, brokers: list[KafkaBroker], registry: ApicurioRegistry) -> None:
        self.brokers, self.registry = brokers, registry
        self.bootstrap = ",".join(f"{LOOPBACK}:{broker.port}" for broker in brokers)
        self.registry_url = registry.url

    @property
    def broker(self) -> KafkaBroker:
        """The first broker."""
        return self.brokers[0]

    def start(self) -> None:
        """Start all, side by side, and wait for all.

        Raises:
            OperatorError: one of them did not come up; the hint quotes its log.
        """
        for server in (self.registry, *self.brokers):
            server.launch()
        for server in (self.registry, *self.brokers):
            server.wait()

    def stop(self) -> None:
        """Stop the registry and every broker; data that is in a folder of its own stays."""
        for server in (self.registry, *self.brokers):
            server.stop()

    def create_topics(
        self,
        prefix: str | None,
        topics: Iterable[table.Topic] = tuple(table.TOPICS.values()),
        *,
        partitions: int | None = None,
    ) -> list[str]:
        """See :class:`Engine`."""
        return topics_admin.create_topics(self._admin(), prefix, topics, partitions=partitions)

    def differences(self, prefix: str | None) -> list[topics_admin.Difference]:
        """See :class:`Engine`."""
        return topics_admin.differences(self._admin(), prefix)

    @property
    def alive(self) -> bool:
        """See :class:`Engine`."""
        return all(server.alive for server in (self.registry, *self.brokers))

    def _admin(self) -> AdminClient:
        # librdkafka tells on stderr, at level 6, what it throws away when a client ends.
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 4})


@contextmanager
def embedded(
    brokers: int = 1, *, registry_port: int = 0, registry_state: Path | None = None
) -> Iterator[EmbeddedEngine]:
    """Hold up an embedded broker and a registry."""
    engine = EmbeddedEngine(brokers, registry_port, registry_state)
    try:
        yield engine
    finally:
        engine.stop()


@contextmanager
def native(
    brokers: int = 1, *, folder: Path | None = None, port: int = 0, registry_port: int = 0
) -> Iterator[NativeEngine]:
    """Hold up Apache Kafka and Apicurio Registry.

    Arguments:
        folder: for data and logs; a temporary one, deleted at the end, if none is given. The same folder another time
            goes on with the same data.
        port: of the first broker; 0 for a free one.
        registry_port: of the registry; 0 for a free one.

    Raises:
        OperatorError: Java or Maven is missing, or a server did not start; the hint says why.
    """
    programs = jars()
    free = free_ports(2 * brokers + 1)
    free[0], free[-1] = port or free[0], registry_port or free[-1]
    pairs = list(zip(free[:brokers], free[brokers:-1], strict=True))
    with tempfile.TemporaryDirectory(prefix="commerce-events-", ignore_cleanup_errors=True) as temporary:
        home = folder or Path(temporary)
        engine = NativeEngine(cluster(programs, home, pairs), ApicurioRegistry(programs, home / "registry", free[-1]))
        try:
            engine.start()
            yield engine
        finally:
            engine.stop()
