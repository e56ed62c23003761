"""Apache Kafka in KRaft mode and Apicurio Registry as processes of this machine, without Docker.

The real broker and registry, with the settings of the container (``broker.env``), on free ports of the loopback
interface, their data in a folder that can be kept for another start::

    with NativeKafka(folder) as kafka:
        kafka.bootstrap, kafka.registry_url

Each of the two can be stopped, killed, paused and started again on the same port and data; see
:class:`~commerce_events.bus.embedded.server.Server`.
"""
from __future__ import annotations

import contextlib
import http.client
import subprocess
import urllib.request
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from commerce_events.bus.embedded.jars import jars
from commerce_events.bus.embedded.server import LOOPBACK, Server, free_ports, listens
from commerce_events.bus.embedded.settings import broker_environment, properties, properties_text
from commerce_events.exceptions import OperatorError

#: Where Apicurio speaks the Confluent API.
REGISTRY_PATH = "/apis/ccompat/v7"
#: Ties the data folder to its cluster; any 16 bytes in URL-safe base 64.
CLUSTER_ID = "Y29tbWVyY2UtZXZlbnRzIQ"


class NativeKafka:
    """A broker and a registry.

    Arguments:
        folder: holds their data and logs; the same folder again goes on with the same data.
        port: of the broker; 0 takes a free one.
        registry_port: of the registry; 0 takes a free one.

    Raises:
        OperatorError: Java or Maven is missing, or Maven could not bring the jars.
    """

    def __init__(self, folder: Path, port: int = 0, registry_port: int = 0) -> None:
        self._jars = jars()
        free = free_ports(3)
        self.folder = folder
        self.port, self.registry_port, self._controller_port = port or free[0], registry_port or free[1], free[2]
        folder.mkdir(parents=True, exist_ok=True)
        self.broker, self.registry = self._broker(), self._registry()

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def registry_url(self) -> str:
        """The registry's Confluent-compatible API."""
        return f"http://{LOOPBACK}:{self.registry_port}{REGISTRY_PATH}"

    def settings(self) -> dict[str, str]:
        """The broker's settings: those of the container, except where it listens and keeps its data."""
        shared = properties(broker_environment())
        here = f"{shared['inter.broker.listener.name']}://{self.bootstrap}"
        controller = f"{LOOPBACK}:{self._controller_port}"
        return {
            **shared,
            "listeners": f"{here},{shared['controller.listener.names']}://{controller}",
            "advertised.listeners": here,
            "controller.quorum.voters": f"{shared['node.id']}@{controller}",
            "log.dirs": str(self.folder / "data"),
        }

    def start(self) -> None:
        """Start both at the same time, and return when both answer.

        Raises:
            OperatorError: one of them did not come up; the hint quotes its log.
        """
        try:
            self.registry.launch()
            self._prepare()
            self.broker.launch()
            self.broker.wait()
            self.registry.wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both; the data stays."""
        self.broker.stop()
        self.registry.stop()

    def __enter__(self) -> NativeKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _broker(self) -> Server:
        command = [
            self._jars.java, "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true", *self._classes(), "kafka.Kafka",
            str(self.folder / "server.properties"),
        ]  # fmt: skip
        return Server("Apache Kafka", command, ready=self._broker_answers, log=self.folder / "kafka.log")

    def _registry(self) -> Server:
        command = [
            self._jars.java, "-Xmx384m", "-XX:TieredStopAtLevel=1", f"-Dquarkus.http.host={LOOPBACK}",
            f"-Dquarkus.http.port={self.registry_port}", "-Dquarkus.http.access-log.enabled=false",
            f"-Dapicurio.datasource.url=jdbc:h2:file:{self.folder / 'registry'}",
            f"-Dvertx.cacheDirBase={self.folder / 'vertx'}", "-jar", str(self._jars.registry),
        ]  # fmt: skip
        return Server("Apicurio Registry", command, ready=self._registry_answers, log=self.folder / "registry.log")

    def _classes(self) -> list[str]:
        return ["-cp", str(self._jars.kafka / "*")]

    def _prepare(self) -> None:
        """Write the settings, and format the data folder when it is new."""
        path = self.folder / "server.properties"
        path.write_text(properties_text(self.settings()), encoding="utf-8")
        if (self.folder / "data" / "meta.properties").exists():
            return
        command = [
            self._jars.java, "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", *self._classes(),
            "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(path),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise OperatorError("Apache Kafka refuses its settings", hint=(done.stdout + done.stderr)[-2000:])

    def _broker_answers(self) -> bool:
        """Whether a client gets the broker's metadata: an open port alone comes too early."""
        if not listens(self.port):
            return False
        with contextlib.suppress(KafkaException):
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(client.list_topics(timeout=2).brokers)
        return False

    def _registry_answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            with urllib.request.urlopen(f"{self.registry_url}/subjects", timeout=2) as answer:
                return bool(answer.status == 200)
        return False
