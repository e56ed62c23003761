"""The engines of the laboratory, started once: three brokers, a registry, two databases, and a proxy before each.

A broker has one more listener, whose advertised address is its proxy: whoever comes by a proxy stays on the proxies,
while brokers among themselves and the checkers go straight.
"""
from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from confluent_kafka.admin import AdminClient
from django.db import connection

from commerce_events.bus.embedded.jars import Jars, jars
from commerce_events.bus.embedded.native import REGISTRY_PATH, ApicurioRegistry, KafkaBroker, cluster
from commerce_events.bus.embedded.ports import LOOPBACK, free_ports
from commerce_events.bus.embedded.server import Server
from commerce_events.exceptions import OperatorError
from tests.engines.database import Database, mariadb, postgresql
from tests.engines.find import Search
from tests.engines.proxy import Proxy
from tests.engines.schema import Schemas, pointed_at
from tests.faults.nursery import POSSIBLE, Zygote
from tests.proof.cutter import CommitCutter

BROKERS = 3
LISTENER = "PROXIED"
#: A broker that was killed is missed after three seconds, not nine; a consumer may be after three as well.
QUICK = {
    "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500", "num.partitions": "3",
    "group.min.session.timeout.ms": "1000",
}  # fmt: skip
#: A broker here lives for seconds or minutes: to start it shall cost less than to have it run.
JAVA = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def classes(programs: Jars) -> Path:
    """What a broker's Java has loaded and verified once, so that no start does it again (class data sharing).

    Made once, by a broker that is started and stopped, and kept beside the jars. A Java that it does not fit does
    without.
    """
    file = programs.kafka.parent / "kafka.jsa"
    if not file.exists():
        with tempfile.TemporaryDirectory(dir=programs.kafka.parent) as folder:
            made = Path(folder) / file.name
            options = (*JAVA, f"-XX:ArchiveClassesAtExit={made}")
            (broker,) = cluster(programs, Path(folder), [tuple(free_ports(2))], options)
            broker.start()
            broker.stop(patience=60)
            made.rename(file)
    return file


def ready() -> None:
    """What several laboratories would otherwise fetch or make at the same time."""
    classes(jars())


@dataclass
class Engines:
    """Everything that the runs of one invocation share.

    Arguments:
        folder: for data and logs; a temporary one by default.
    """

    folder: Path | None = None
    brokers: list[KafkaBroker] = field(default_factory=list)
    before_brokers: list[Proxy] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stack.close()

    def _start(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="commerce-faults-", ignore_cleanup_errors=True)
        home = self.folder or Path(self._stack.enter_context(temporary))
        programs = jars()
        ports = free_ports(3 * BROKERS + 1)
        pairs = list(zip(ports[:BROKERS], ports[BROKERS : 2 * BROKERS], strict=True))
        self.brokers = cluster(programs, home, pairs, (*JAVA, f"-XX:SharedArchiveFile={classes(programs)}"))
        for broker, behind in zip(self.brokers, ports[2 * BROKERS :], strict=False):
            self._behind_proxy(broker, behind)
        self.registry = ApicurioRegistry(programs, home / "registry", ports[-1])
        servers = [*self.brokers, self.registry]
        for server in servers:
            self._stack.callback(server.kill)
            server.launch()
        self.zygote = self._stack.enter_context(Zygote(home)) if POSSIBLE else None
        self.schemas = Schemas(home)
        self.databases = {"postgresql": self._database(postgresql()), "mariadb": self._database(mariadb())}
        for server in servers:
            server.wait()

    def _behind_proxy(self, broker: KafkaBroker, port: int) -> None:
        proxy = self._stack.enter_context(Proxy(f"{LOOPBACK}:{port}"))
        self.before_brokers.append(proxy)
        said = broker.settings
        said["listeners"] += f",{LISTENER}://{LOOPBACK}:{port}"
        said["advertised.listeners"] += f",{LISTENER}://{proxy.address}"
        said["listener.security.protocol.map"] += f",{LISTENER}:PLAINTEXT"
        said.update(QUICK)

    def _database(self, search: Search[Database]) -> Database:
        """One that is ours to kill: an address in the environment is not."""
        ours = Search(search.name, search.offers[1:])
        found = ours.get()
        self._stack.callback(ours.close)
        if found is None:
            raise OperatorError(f"no {search.name}", hint="; ".join(ours.passed_over))
        return found

    @property
    def bootstrap(self) -> str:
        """The brokers themselves, for the checkers."""
        return ",".join(f"{LOOPBACK}:{broker.port}" for broker in self.brokers)

    @property
    def proxied(self) -> str:
        """The brokers as everybody in a run sees them."""
        return ",".join(proxy.address for proxy in self.before_brokers)

    def admin(self) -> AdminClient:
        """A client beside the proxies."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def before_registry(self, seed: int) -> tuple[Proxy, str]:
        """A proxy before the registry, and the address that leads through it."""
        proxy = Proxy(f"{LOOPBACK}:{self.registry.port}", seed)
        return proxy, f"http://{proxy.address}{REGISTRY_PATH}"

    def before_database(self, kind: str, seed: int) -> tuple[CommitCutter, str, str]:
        """The engine's database, empty: a proxy before it, the address that leads through it, and the straight one."""
        straight = self.schemas.of(kind, self.databases[kind]).url
        url = urlsplit(straight)
        proxy = CommitCutter(f"{url.hostname}:{url.port}", seed)
        user = _ordinary(straight) if kind == "mariadb" else url.username
        return proxy, url._replace(netloc=f"{user}@{proxy.address}").geturl(), straight

    def heal(self) -> None:
        """Every server runs, every proxy lets pass."""
        for proxy in self.before_brokers:
            proxy.heal()
        servers = [*self.brokers, self.registry, *(database.server for database in self.databases.values())]
        down = [server for server in servers if server is not None and not server.alive]
        for server in down:  # a broker is ready when most of them are there
            if isinstance(server, Server):
                server.launch()
            else:
                server.start()
        for server in servers:
            if isinstance(server, Server):
                server.resume()
                server.wait()


def _ordinary(straight: str) -> str:
    """A user of MariaDB for the processes of a run: ``read_only`` does not stop root."""
    with pointed_at(straight), connection.cursor() as cursor:
        for user in ("site", "site@localhost"):  # who comes from here would be nobody else
            cursor.execute(f"CREATE USER IF NOT EXISTS {user}")
            cursor.execute(f"GRANT ALL ON {connection.ops.quote_name(urlsplit(straight).path[1:])}.* TO {user}")
    return "site"
