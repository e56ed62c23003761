"""The processes of a run: consumers and stores, and the orchestrator that starts again whoever dies."""
from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commerce_events.bus.embedded.server import Server
from tests.engines.processes import MANAGE
from tests.faults.nursery import Forked, Nursery, Zygote
from tests.proof import killer

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Member:
    """One process, and the one that follows it when it dies.

    Arguments:
        name: of its log and, for a consumer, its health file.
        command: what follows ``python``.
        make: a server of the command and of more environment than that of the run.
        ends: whether an end with code 0 is the end (a store that has sold everything).
    """

    name: str
    command: Sequence[str]
    folder: Path
    make: Callable[[Member, Mapping[str, str]], Server]
    ends: bool = False
    doomed: bool = False  # it will kill itself
    kills: int = 0
    ended: list[tuple[int, str]] = field(default_factory=list)  # by itself: the codes, and its last words
    expected: bool = False  # it was told to end
    server: Server | None = None
    over: bool = False

    @property
    def health(self) -> Path:
        """Its health file."""
        return self.folder / f"{self.name}.health"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def launch(self, **more: str) -> None:
        """Start it, without waiting."""
        self.expected, self.doomed = False, killer.ENVIRONMENT in more
        self.server = self.make(self, more)
        self.server.launch()

    @property
    def alive(self) -> bool:
        return self.server is not None and self.server.alive

    def kill(self) -> None:
        """SIGKILL; the orchestrator starts it again."""
        if self.alive and self.server is not None:
            self.kills += 1
            self.expected = True
            self.server.kill()

    def tell(self) -> None:
        """SIGTERM, without waiting."""
        if self.alive and self.server is not None:
            self.expected = True
            _send(self.server, signal.SIGTERM)

    def code(self) -> int | None:
        """How it ended; None while it runs."""
        child = self.server._child if self.server is not None else None
        return child.poll() if child is not None else None


def _send(server: Server, number: signal.Signals) -> None:
    if server._child is not None:
        server._child.send_signal(number)


class Crew:
    """Every process of a run. Whoever dies is started again after a moment, until :meth:`close`.

    Arguments:
        zygote: who forks the processes; without one each is a program that begins from nothing.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], note: Callable[[str], None], zygote: Zygote | None = None
    ) -> None:
        self.folder, self.environment, self.note, self.zygote = folder, dict(environment), note, zygote
        self._nurseries: dict[Any, Nursery] = {}
        self.consumers: list[Member] = []
        self.stores: list[Member] = []
        self.neighbours: list[Member] = []  # consumers of another kind, which the same befalls
        self.shops: list[Member] = []  # and stores of another kind
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watch = threading.Thread(target=self._supervise, name="orchestrator", daemon=True)
        self._watch.start()

    @property
    def members(self) -> list[Member]:
        return [*self.consumers, *self.stores, *self.neighbours, *self.shops]

    @property
    def kills(self) -> int:
        return sum(member.kills for member in self.members)

    def consume(self, *flags: str, settings: Mapping[str, Any] | None = None) -> Member:
        """``consume_commerce_events``, launched."""
        name = f"consumer-{len(self.consumers)}"
        environment = {**self.environment, "COMMERCE_EVENTS_TEST_SETTINGS": json.dumps(settings or {})}
        health = self.folder / f"{name}.health"
        command = [*MANAGE[1:], "consume_commerce_events", "--from", "earliest", f"--health-file={health}", *flags]
        return self._joined(self.consumers, Member(name, command, self.folder, self._maker(environment, "django")))

    def sell(self, spec: Mapping[str, Any]) -> Member:
        """A store, launched."""
        name = f"store-{len(self.stores)}"
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(spec), encoding="utf-8")
        environment = {**self.environment, "PYTHONPATH": str(ROOT)}
        command = ["-m", "tests.faults.store", str(file)]
        return self._joined(self.stores, Member(name, command, self.folder, self._maker(environment, "store"), True))

    def shop(self, command: Sequence[str], environment: Mapping[str, str]) -> Member:
        """Another kind of store, launched."""
        make = self._maker({**self.environment, "PYTHONPATH": str(ROOT), **environment}, "django")
        return self._joined(self.shops, Member(f"shop-{len(self.shops)}", command, self.folder, make, True))

    def neighbour(self, command: Sequence[str], environment: Mapping[str, str]) -> Member:
        """Another kind of consumer, launched."""
        name = f"neighbour-{len(self.neighbours)}"
        make = self._maker({**self.environment, **environment}, "django")
        return self._joined(self.neighbours, Member(name, command, self.folder, make))

    def _maker(self, environment: Mapping[str, str], application: str) -> Callable[..., Server]:
        def make(member: Member, more: Mapping[str, str]) -> Server:
            complete = {**environment, **more}
            if self.zygote is None:
                return Server(
                    member.name, [sys.executable, *member.command], ready=member.health.exists, log=member.log,
                    environment=complete,
                )  # fmt: skip
            nursery = self._nursery(complete, application)
            return Forked(nursery, member.name, member.command, ready=member.health.exists, log=member.log)

        return make

    def _nursery(self, environment: Mapping[str, str], application: str) -> Nursery:
        assert self.zygote is not None
        key = application, tuple(sorted(environment.items()))
        if key not in self._nurseries:
            self._nurseries[key] = self.zygote.nursery(environment, application)
        return self._nurseries[key]

    def _joined(self, group: list[Member], member: Member) -> Member:
        member.launch()
        with self._lock:
            group.append(member)
        return member

    def dies_at(self, member: Member, point: str) -> None:
        """Kill it, and have the one that follows kill itself at a point (tests/proof/killer.py)."""
        with self._lock:
            member.kill()
            member.launch(**{killer.ENVIRONMENT: point})

    def _supervise(self) -> None:
        while not self._closing.wait(0.1):
            with self._lock:
                for member in self.members:
                    self._look(member)

    def _look(self, member: Member) -> None:
        code = member.code()
        if code is None or member.over:
            return
        if code == 0 and member.ends:
            member.over = True
            return
        if code == -signal.SIGKILL and not member.expected:
            member.kills += 1
            self.note(f"{member.name} died at its point")
        elif not member.expected or code not in (0, -signal.SIGKILL, -signal.SIGTERM):
            last = " | ".join(member.log.read_text(encoding="utf-8", errors="replace").splitlines()[-2:])
            member.ended.append((code, last))
            self.note(f"{member.name} ended by itself with {code}: {last}")
            time.sleep(0.3)
        member.launch()

    def settle(self) -> None:
        """Nobody is paused, nobody is about to die."""
        with self._lock:
            for member in self.members:
                if member.alive and member.server is not None:
                    member.server.resume()
                    if member.doomed:
                        member.kill()

    def close(self) -> None:
        """End everybody."""
        self._closing.set()
        self._watch.join()
        for member in self.members:
            if member.server is not None:
                member.server.kill()
        for nursery in self._nurseries.values():
            nursery.close()
