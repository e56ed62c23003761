"""The engines of a run: those of the tests (``tests/README.rst``), with a database and topics of the run's own."""
from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import libversion
from confluent_kafka.admin import AdminClient

from benchmarks import process
from benchmarks.orders import Store
from commerce_events import topics
from tests.databases import with_name
from tests.engines.broker import Broker
from tests.engines.broker import broker as search_broker
from tests.engines.commit import COMMIT
from tests.engines.database import mariadb, postgresql

PARTITIONS = 12
PACKAGES = (
    "openedx-events", "edx-event-bus-kafka", "confluent-kafka", "fastavro", "orjson", "Django", "psycopg",
    "mysqlclient",
)  # fmt: skip
SEARCHES = {"postgresql": postgresql, "mariadb": mariadb}


@dataclass
class Site:
    """Where the loops run. Everything made here is taken away at the end."""

    broker: Broker
    databases: dict[str, str]
    versions: dict[str, str]
    folder: Path
    servers: dict[str, Any] = field(default_factory=dict)  # those that we may stop
    _log: Path = field(init=False)

    def __post_init__(self) -> None:
        self._log = self.folder / "benchmark.log"

    @contextlib.contextmanager
    def topics(self) -> Iterator[str]:
        """A prefix whose topics exist, empty; they are deleted afterwards."""
        prefix = f"bench-{uuid4().hex[:10]}"
        self.broker.create_topics(prefix, PARTITIONS)
        try:
            yield prefix
        finally:
            admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
            for done in admin.delete_topics([topics.full_topic(name, prefix) for name in topics.TOPICS]).values():
                done.result(30)

    def store(self, prefix: str, linger: float = 20, **more: Any) -> Store:
        """A store that publishes on these topics."""
        return Store(self.broker.bootstrap, self.broker.registry_url, prefix, linger, **more)

    def environment(self, database: str, prefix: str, group: str = "benchmark") -> dict[str, str]:
        """What a loop on this database and these topics is told; the log begins anew."""
        self._log.unlink(missing_ok=True)
        return process.environment(
            self.databases[database], self.broker.bootstrap, self.broker.registry_url, prefix, group, str(self._log)
        )

    def programs(self, database: str) -> dict[str, int]:
        """Process ids of the database's and the broker's server, as far as they are ours."""
        found = {"broker": self.broker.engine.broker.pid} if self.broker.stoppable else {}
        if database in self.servers:
            found["database"] = self.servers[database].pid
        return found

    def conditions(self) -> dict[str, Any]:
        """What the figures hang on."""
        return {
            "commit": COMMIT,
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "python": platform.python_version(),
            "broker": f"{self.broker.kind}, librdkafka {libversion()[0]}",
            "is_real_broker": self.broker.real,
            "databases": self.versions,
            "packages": {name: metadata.version(name) for name in PACKAGES},
            "partitions": PARTITIONS,
            "load": f"{os.getloadavg()[1]:.0f}",
        }


@contextlib.contextmanager
def site(wanted: list[str]) -> Iterator[Site]:
    """Find or start the engines, make and fill the databases."""
    with contextlib.ExitStack() as stack:
        search = search_broker()
        stack.callback(search.close)
        broker = search.get()
        if broker is None:
            raise SystemExit("no broker: " + "; ".join(search.passed_over))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        made = Site(broker, {}, {}, folder)
        for name in wanted:
            engine = SEARCHES[name]()
            stack.callback(engine.close)
            found = engine.get()
            if found is None:
                raise SystemExit(f"no {name}: " + "; ".join(engine.passed_over))
            if found.server is not None:
                made.servers[name] = found.server
            made.databases[name] = stack.enter_context(_database(name, found.url))
            made.versions[name] = process.run("prepare", 0, made.environment(name, "none"))["version"]
        yield made


@contextlib.contextmanager
def _database(kind: str, server: str) -> Iterator[str]:
    """A database of this run on a server."""
    name = f"commerce_benchmark_{os.getpid()}"
    if kind == "postgresql":
        import psycopg

        address = server.replace("postgres://", "postgresql://")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield with_name(server, name)
        finally:  # the server may have been restarted since
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    else:
        import MySQLdb

        from tests.databases import configuration

        said = configuration(server)
        more = {"port": int(said["PORT"])} if said["PORT"] else {"unix_socket": said["OPTIONS"]["unix_socket"]}
        connection = MySQLdb.connect(host=said["HOST"], user=said["USER"], password=said["PASSWORD"], **more)
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        connection.close()
        try:
            yield with_name(server, name)
        finally:
            connection = MySQLdb.connect(host=said["HOST"], user=said["USER"], password=said["PASSWORD"], **more)
            connection.cursor().execute(f"DROP DATABASE {name}")
            connection.close()
