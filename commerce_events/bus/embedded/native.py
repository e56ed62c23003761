"""Apache Kafka in KRaft mode and Apicurio Registry as processes of this machine, without Docker.

The real broker and registry, with the settings of the container (``broker.env``), on ports of the loopback interface and
with their data in a folder, so that the same port and data are there again after a stop or a kill::

    with NativeKafka(folder) as kafka:
        kafka.bootstrap, kafka.registry_url
"""
from __future__ import annotations

import http.client
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from commerce_events.bus.embedded.jars import Jars, jars
from commerce_events.bus.embedded.server import LOOPBACK, Server, free_ports, listens
from commerce_events.bus.embedded.settings import broker_environment, properties, properties_text
from commerce_events.exceptions import OperatorError

#: Where Apicurio speaks the Confluent API.
REGISTRY_PATH = "/apis/ccompat/v7"
#: Ties data folders to their cluster; any 16 bytes in URL-safe base 64.
CLUSTER_ID = "Y29tbWVyY2UtZXZlbnRzIQ"


class KafkaBroker(Server):
    """One broker, which is a controller too.

    Arguments:
        programs: where Java and the jars are.
        folder: holds its data, settings and log.
        port: clients connect there.
        settings: of the broker, by their own names.
    """

    def __init__(self, programs: Jars, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self.settings = folder, port, dict(settings)
        self._java = [programs.java, "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        self._classes = ["-cp", str(programs.kafka / "*")]
        run = [
            *self._java, "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *self._classes, "kafka.Kafka",
            str(self._file),
        ]  # fmt: skip
        super().__init__("Apache Kafka", run, ready=self._answers, log=folder / "kafka.log")

    def launch(self) -> None:
        """Start it without waiting; the first time its data folder is formatted."""
        self._prepare()
        super().launch()

    @property
    def _file(self) -> Path:
        return self.folder / "server.properties"

    def _prepare(self) -> None:
        self._file.write_text(properties_text(self.settings), encoding="utf-8")
        if Path(self.settings["log.dirs"], "meta.properties").exists():
            return
        quiet = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]  # a second, not three
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._file)]
        done = subprocess.run(  # noqa: S603
            [*self._java, *quiet, *self._classes, *tool], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode != 0:
            raise OperatorError("Apache Kafka refuses its settings", hint=(done.stdout + done.stderr)[-2000:])

    def _answers(self) -> bool:
        """Whether clients get the broker's metadata: an open port alone comes too early."""
        if not listens(self.port):
            return False
        client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{self.port}", "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False


class ApicurioRegistry(Server):
    """A schema registry that speaks Confluent's API and keeps its schemas in a file.

    Arguments:
        programs: where Java and the jar are.
        folder: holds its data and log.
        port: of its HTTP API.
    """

    def __init__(self, programs: Jars, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        command = [
            programs.java, "-Xmx384m", "-XX:TieredStopAtLevel=1", f"-Dquarkus.http.host={LOOPBACK}",
            f"-Dquarkus.http.port={port}", "-Dquarkus.http.access-log.enabled=false",
            f"-Dapicurio.datasource.url=jdbc:h2:file:{folder / 'registry'}", f"-Dvertx.cacheDirBase={folder / 'vertx'}",
            "-jar", str(programs.registry),
        ]  # fmt: skip
        super().__init__("Apicurio Registry", command, ready=self._answers, log=folder / "registry.log")

    @property
    def url(self) -> str:
        """Its Confluent-compatible API."""
        return f"http://{LOOPBACK}:{self.port}{REGISTRY_PATH}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False


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
        programs, free = jars(), free_ports(3)
        settings = broker_settings(folder, port or free[0], free[1])
        self.broker = KafkaBroker(programs, folder, port or free[0], settings)
        self.registry = ApicurioRegistry(programs, folder, registry_port or free[2])
        self.bootstrap = f"{LOOPBACK}:{self.broker.port}"
        self.registry_url = self.registry.url

    def start(self) -> None:
        """Start both at the same time, and return when both answer.

        Raises:
            OperatorError: one of them did not come up; the hint quotes its log.
        """
        try:
            self.registry.launch()
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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def broker_settings(folder: Path, port: int, controller_port: int) -> dict[str, str]:
    """The broker's settings: those of the container, except where it listens and where it keeps its data."""
    shared = properties(broker_environment())
    here = f"{shared['inter.broker.listener.name']}://{LOOPBACK}:{port}"
    controller = f"{LOOPBACK}:{controller_port}"
    return {
        **shared,
        "listeners": f"{here},{shared['controller.listener.names']}://{controller}",
        "advertised.listeners": here,
        "controller.quorum.voters": f"{shared['node.id']}@{controller}",
        "log.dirs": str(folder / "data"),
    }
