"""What a fault can reach, and what the run must know of it afterwards."""
from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaException
from django.db import DatabaseError, InterfaceError, connection

from commerce_events.bus.embedded.native import KafkaBroker
from commerce_events.bus.embedded.server import Server
from commerce_events.bus.reader import Heard
from commerce_events.exceptions import CommerceEventsError
from tests.engines.proxy import Proxy
from tests.faults.crew import Crew, Member
from tests.faults.engines import Engines
from tests.proof.cutter import CommitCutter

__all__ = ["Deed", "Deleted", "Scene", "SkippedError"]


class SkippedError(Exception):
    """A fault that did not come to pass, and why not: mostly another one was there first."""


class Deleted(NamedTuple):
    """A message that the broker was asked to delete, and whether its topic was to go with it."""

    heard: Heard
    with_topic: bool


@dataclass
class Scene:
    """What a fault can reach."""

    engines: Engines
    crew: Crew
    prefix: str
    registry: str  # straight
    kind: str
    url: str  # of the database, straight
    before_database: CommitCutter
    before_registry: Proxy
    backup: Any = None
    restores: list[float] = field(default_factory=list)  # when
    ceilings: dict[int, int] = field(default_factory=dict)  # partition → its highest position before a restore (I5)
    deleted: list[Deleted] = field(default_factory=list)
    gone: dict[str, float] = field(default_factory=dict)  # what is away, since when (I12)
    cures: list[Callable[[], object]] = field(default_factory=list)  # what undoes the faults, whenever it is asked
    #: With which code a consumer may end by itself, and what its last words must then say.
    excused: set[tuple[int, str]] = field(default_factory=set)
    #: Tables with a row for each enrollment of a learner, those of another kind of consumer included.
    enrollments: list[str] = field(default_factory=lambda: ["commerce_reference_referenceenrollment"])
    misled: bool = False  # a registry has lied: what was set aside then is readable
    kills: int = 0  # of brokers and databases
    lock: threading.Lock = field(default_factory=threading.Lock)  # who starts and ends servers
    restoring: threading.Lock = field(default_factory=threading.Lock)
    deleting: threading.Lock = field(default_factory=threading.Lock)  # who looks at the order topic, and then deletes

    @property
    def server(self) -> Any:
        """The database's server."""
        return self.engines.databases[self.kind].server

    def excuses(self, code: int, last: str) -> bool:
        """Whether a fault explains that a consumer ended so."""
        return any(code == each and words in last for each, words in self.excused)

    def consumer(self, which: int) -> Member:
        """One of the consumers."""
        return self.crew.consumers[which % len(self.crew.consumers)]

    def struck(self, which: int) -> list[Member]:
        """A consumer, and the one of the other kind in its place, where there are any."""
        beside = self.crew.neighbours
        return [self.consumer(which), *([beside[which % len(beside)]] if beside else ())]

    def broker(self, which: int) -> KafkaBroker:
        """One of the brokers."""
        return self.engines.brokers[which % len(self.engines.brokers)]

    @contextlib.contextmanager
    def away(self, what: str) -> Iterator[None]:
        """Something is away as long as this lasts: a consumer that needs it may not be green for long."""
        self.gone[what] = time.monotonic()
        try:
            yield
        finally:
            self.gone.pop(what, None)

    def launch(self, servers: list[Any]) -> None:
        """Start those that are down."""
        with self.lock:
            for server in servers:
                if server is not None and not server.alive:
                    server.launch() if isinstance(server, Server) else server.start()

    def again(self, member: Member, **environment: str) -> None:
        """Kill a process, have the one that follows begin with more environment, and wait until it works."""
        began = time.time()
        with self.crew._lock:
            member.kill()
            member.launch(**environment)
        while time.time() < began + 12 and not (member.health.exists() and member.health.stat().st_mtime > began + 0.1):
            time.sleep(0.1)

    def cure(self, how: Callable[[], object]) -> None:
        """What undoes a fault; done once more when the run heals, should it not have come to it."""
        self.cures.append(how)

    def heal(self) -> None:
        """Undo what faults have left; engines are up. What one cannot undo must not keep the others from it."""
        for how in reversed(self.cures):
            for _ in range(3):
                try:
                    how()
                    break
                except (DatabaseError, InterfaceError, CommerceEventsError, KafkaException):
                    connection.close()
                    time.sleep(0.3)


Deed = Callable[[Scene, int, float], None]
