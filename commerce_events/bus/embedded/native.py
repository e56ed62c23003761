"""Apache Kafka in KRaft mode and Apicurio Registry as processes of this machine, without Docker.

The real broker and registry, with the settings of the container (``broker.env``), on loopback ports and
with their data in a folder, so that the same port and data are there again after a stop or a kill::

    with NativeKafka(folder) as kafka:
        kafka.bootstrap, kafka.registry_url
"""
from __future__ import annotations

import http.client
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from commerce_events.bus.embedded.jars import Jars
from commerce_events.bus.embedded.ports import LOOPBACK, listens
from commerce_events.bus.embedded.server import Server
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
        options: of its Java.
    """

    def __init__(
        self, programs: Jars, folder: Path, port: int, settings: Mapping[str, str], options: Sequence[str] = ()
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self.settings = folder, port, dict(settings)
        self._java = [programs.java, "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        self._classes = ["-cp", str(programs.kafka / "*")]
        run = [
            *self._java, "-Xmx512m", *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *self._classes,
            "kafka.Kafka", str(self._file),
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
        done = subprocess.run(
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
            # Without the delay it has by default, the file knows every schema id that was ever given out.
            f"-Dapicurio.datasource.url=jdbc:h2:file:{folder / 'registry'};WRITE_DELAY=0",
            f"-Dvertx.cacheDirBase={folder / 'vertx'}", "-jar", str(programs.registry),
        ]  # fmt: skip
        super().__init__("Apicurio Registry", command, ready=self._answers, log=folder / "registry.log")

    @property
    def url(self) -> str:
        """Its Confluent-compatible API."""
        return f"http://{LOOPBACK}:{self.port}{REGISTRY_PATH}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False


def cluster(
    programs: Jars, folder: Path, ports: Sequence[tuple[int, int]], options: Sequence[str] = ()
) -> list[KafkaBroker]:
    """Brokers of one cluster, not yet started.

    Arguments:
        ports: for each broker the one for clients and the one for controllers.
        options: of their Java.
    """
    voters = ",".join(f"{number}@{LOOPBACK}:{controller}" for number, (_, controller) in enumerate(ports, 1))
    brokers = []
    for number, (port, controller) in enumerate(ports, 1):
        home = folder / f"broker-{number}"
        settings = {**properties(broker_environment()), **copies(len(ports)), **place(number, port, controller, home)}
        settings["controller.quorum.voters"] = voters
        brokers.append(KafkaBroker(programs, home, port, settings, options))
    return brokers


def place(number: int, port: int, controller: int, folder: Path) -> dict[str, str]:
    """What a broker does not share with the container: who it is, where it listens and where it keeps its data."""
    shared = properties(broker_environment())
    here = f"{shared['inter.broker.listener.name']}://{LOOPBACK}:{port}"
    return {
        "node.id": str(number),
        "listeners": f"{here},{shared['controller.listener.names']}://{LOOPBACK}:{controller}",
        "advertised.listeners": here,
        "log.dirs": str(folder / "data"),
    }


def copies(brokers: int) -> dict[str, str]:
    """How often things are kept: as in the container; on three brokers and more three times, and two must agree."""
    if brokers < 3:
        return {}
    kept = (
        "default.replication.factor", "offsets.topic.replication.factor", "transaction.state.log.replication.factor",
        "share.coordinator.state.topic.replication.factor",
    )  # fmt: skip
    agree = ("min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr")
    return {**dict.fromkeys(kept, "3"), **dict.fromkeys(agree, "2")}
