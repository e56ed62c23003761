"""The laboratory's side of the zygote: it asks for processes, and hears what became of them."""
from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from commerce_events.bus.embedded.server import Server

ROOT = Path(__file__).resolve().parents[2]
#: Whether this system can tell one process of the end of another's child.
POSSIBLE = hasattr(os, "pidfd_open") and hasattr(selectors, "EpollSelector")


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
        command = [sys.executable, "-m", "tests.faults.zygote", self._address, str(os.getpid())]
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
