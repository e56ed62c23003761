"""Processes by fork: real ones, without the second that Python and Django take to begin.

The zygote has imported what everybody imports, and nothing more: no settings are read, no client is made, no thread
runs, no connection is open. For each environment it forks a nursery, which takes over the environment, sets Django up
and loads the command, as a new process would. A nursery forks a child for each command that it is told. The child has
its own session, working directory, output and exit code, and runs the command's own entry to the interpreter's end.

``python -m tests.faults.zygote SOCKET`` is the zygote; :class:`Zygote` is who starts it and talks to it.
"""
from __future__ import annotations

import contextlib
import gc
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from commerce_events.bus.embedded.server import Server

ROOT = Path(__file__).resolve().parents[2]
#: Whether this system can tell one process of the end of another's child.
POSSIBLE = hasattr(os, "pidfd_open") and hasattr(selectors, "EpollSelector")
#: What takes long to import and wants no settings; one that is not installed is nobody's.
COMMON = (
    "confluent_kafka.admin", "confluent_kafka.schema_registry.avro", "fastavro", "requests", "django.test",
    "django.core.management", "django.db.backends.postgresql.base", "django.db.backends.mysql.base",
    "edx_django_utils.monitoring", "openedx_events.event_bus",
)  # fmt: skip


# --- in the zygote and in what it forks


def main(address: str) -> None:
    """Fork a nursery for each connection. In a nursery's child, this returns when its command is over."""
    for name in COMMON:
        with contextlib.suppress(ImportError):
            import_module(name)
    from django.conf import settings

    assert not settings.configured, "settings are read in the nursery, where the environment is the run's"
    gc.freeze()  # what lives for ever is not written to, so that it is shared
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        nurseries: dict[int, int] = {}
        while True:
            for ready in wait([door, *nurseries]):
                if isinstance(ready, int):
                    _reap(nurseries, ready)
                    continue
                caller, _ = door.accept()
                pid = os.fork()
                if pid == 0:
                    _leave(door, *nurseries)
                    _run(_nurse(Connection(caller.detach())))
                    return
                nurseries[os.pidfd_open(pid)] = pid
                caller.close()


def _nurse(caller: Connection) -> Sequence[str]:
    """Fork a child for each command. In the child: what it is to run. Ends when the caller does."""
    environment, application = caller.recv()
    os.environ.update(environment)
    _PREPARED[application]()
    gc.freeze()
    children: dict[int, int] = {}
    while True:
        for ready in wait([caller, *children]):
            if isinstance(ready, int):
                caller.send(_reap(children, ready))
                continue
            try:
                command, log = caller.recv()
            except EOFError:
                for pid in children.values():
                    os.kill(pid, signal.SIGKILL)
                sys.exit(0)
            pid = os.fork()
            if pid == 0:
                _leave(caller, *children)
                _alone(log)
                return list(command)
            children[os.pidfd_open(pid)] = pid
            caller.send((pid, None))


def _reap(children: dict[int, int], ended: int) -> tuple[int, int]:
    pid, status = os.waitpid(children.pop(ended), 0)
    os.close(ended)
    return pid, os.waitstatus_to_exitcode(status)


def _leave(parents: Any, *descriptors: int) -> None:
    """What is the parent's alone."""
    parents.close()
    for each in descriptors:
        os.close(each)


def _alone(log: str) -> None:
    os.setsid()
    os.chdir("/")
    output = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for name, flags, targets in ((os.devnull, os.O_RDONLY, (0,)), (log, output, (1, 2))):
        descriptor = os.open(name, flags, 0o644)
        for target in targets:
            os.dup2(descriptor, target)
        os.close(descriptor)


def _run(command: Sequence[str]) -> None:
    """As ``python …`` would: a script, or a module after -m."""
    if command[0] == "-m":
        sys.argv = [command[1], *command[2:]]
        sys.modules.pop(command[1], None)  # imported to be at hand, not to be run
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        runpy.run_path(command[0], run_name="__main__")


def _django() -> None:
    import django
    from django.core import checks
    from django.core.management import load_command_class

    django.setup()
    load_command_class("commerce_events", "consume_commerce_events")
    checks.run_checks()  # for what they import
    from django.db import connections

    assert all(each.connection is None for each in connections.all(initialized_only=True)), "nothing is open"
    assert threading.active_count() == 1, "no thread runs"


def _store() -> None:
    import_module("tests.faults.store")


_PREPARED = {"django": _django, "store": _store}


# --- in the laboratory


class Child:
    """A process that a nursery forked, with the face of ``subprocess.Popen``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._over = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        if not self._over.wait(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        self.returncode = code
        self._over.set()


class Nursery:
    """Children of one environment."""

    def __init__(self, address: str, environment: Mapping[str, str], application: str) -> None:
        self._door = socket.socket(socket.AF_UNIX)
        self._door.connect(address)
        self._nurse = Connection(os.dup(self._door.fileno()))
        self._nurse.send((dict(environment), application))
        self._lock, self._born = threading.Lock(), threading.Condition()
        self._new: Child | None = None
        self._children: dict[int, Child] = {}
        self._closed = False
        threading.Thread(target=self._listen, name="nursery", daemon=True).start()

    def _listen(self) -> None:
        """What is born and what has ended, in this order for each child."""
        while True:
            try:
                pid, code = self._nurse.recv()
            except (EOFError, OSError):
                break
            if code is not None:
                self._children.pop(pid).ended(code)
                continue
            with self._born:
                self._new = self._children[pid] = Child(pid)
                self._born.notify()
        self._nurse.close()
        for child in self._children.values():
            child.ended(-signal.SIGKILL)
        with self._born:
            self._closed = True
            self._born.notify()

    def fork(self, command: Sequence[str], log: Path) -> Child:
        """A child that runs a command: what would follow ``python``."""
        with self._lock, self._born:
            self._new = None
            self._nurse.send((list(command), str(log)))
            self._born.wait_for(lambda: self._new is not None or self._closed, 60)
            if self._new is None:
                raise RuntimeError("the nursery has ended; the zygote's log says why")
            return self._new

    def close(self) -> None:
        """End it, and every child that still runs."""
        with contextlib.suppress(OSError):  # it has ended already
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


class Forked(Server):
    """A server whose process a nursery forks.

    Arguments:
        command: what would follow ``python``.
    """

    def __init__(self, nursery: Nursery, name: str, command: Sequence[str], *, log: Path, **more: Any) -> None:
        super().__init__(name, command, log=log, **more)
        self._nursery, self._arguments = nursery, command

    def launch(self) -> None:
        self._child = self._nursery.fork(self._arguments, self.log)


class Zygote:
    """The process that has imported everything; ``folder`` gets its log."""

    def __init__(self, folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zygote-")  # a short path: that of a socket may be no longer
        self._address = str(Path(self._folder.name, "door"))
        command = [sys.executable, "-m", "tests.faults.zygote", self._address]
        self._server = Server(
            "zygote", command, ready=Path(self._address).exists, log=folder / "zygote.log",
            environment={"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def nursery(self, environment: Mapping[str, str], application: str) -> Nursery:
        """Where processes of an environment come from; ``application`` is "django" or "store"."""
        return Nursery(self._address, environment, application)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.stop()
        self._folder.cleanup()


if __name__ == "__main__":
    main(sys.argv[1])
