"""A server as a child process: started, asked whether it is ready, stopped, killed, paused, and started again.

Used for the native broker and registry and by the tests for databases. A server keeps its address and its data over a
restart, which is what a test of an outage needs.
"""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from commerce_events.exceptions import OperatorError

#: Children are born of one thread that lives as long as we do: the kernel takes the end of the thread that started a
#: child for the death of its parent, and would stop a server that a test restarted from a short thread.
_CRADLE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="servers")


class Server:
    """One server, by its command.

    Arguments:
        name: what people call it.
        command: started as it is, without a shell.
        ready: answers whether the server can be used; may not raise.
        log: file that gets its output.
        user: the user it runs as, where we are root and it refuses to.
        stop_signal: asks it to end in good order.
        patience: seconds that a start may take.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: Callable[[], bool],
        log: Path,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = 180.0,
    ) -> None:
        self.name, self.log = name, log
        self._command = [*_tie(user, stop_signal), *command]
        self._ready, self._environment = ready, environment
        self._stop_signal, self._patience = stop_signal, patience
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child.pid

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            OperatorError: it ended, or was not ready in time; the hint quotes its log.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it without waiting."""
        with self.log.open("ab") as output:
            self._child = _CRADLE.submit(
                subprocess.Popen,
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else {**os.environ, **self._environment},
                cwd="/",
                start_new_session=True,  # Ctrl-C in a terminal is for us; we stop it in good order
            ).result()

    def wait(self) -> None:
        """Wait until it is ready; see :meth:`start`."""
        deadline = time.monotonic() + self._patience
        while not self._ready():
            if not self.alive:
                raise OperatorError(f"{self.name} ended while it started", hint=self._tail())
            if time.monotonic() > deadline:
                self.kill()
                raise OperatorError(f"{self.name} was not ready after {self._patience:.0f} s", hint=self._tail())
            time.sleep(0.1)

    def stop(self, patience: float = 20.0) -> None:
        """Ask it to end; kill it when it does not."""
        if self._child is None or not self.alive:
            return
        self.resume()
        self._child.send_signal(self._stop_signal)
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, with its children, as a crash would (SIGKILL)."""
        if self._child is None or not self.alive:
            return
        pids = family(self.pid)
        _signal(pids, signal.SIGKILL)
        self._child.wait()
        deadline = time.monotonic() + 5
        while any(_lives(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.01)  # a child that is still there holds what the next start needs: memory, a lock, the port

    def pause(self) -> None:
        """Stop it and its children where they stand (SIGSTOP): connections stay open and nobody answers."""
        pids = family(self.pid)
        _signal(pids, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.001)  # the kernel stops each thread at its next step

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        _signal(family(self.pid), signal.SIGCONT)

    def restart(self) -> None:
        """Stop it in good order and start it again on the same address and data."""
        self.stop()
        self.start()

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join([f"The end of its log, {self.log}:", *lines])


def family(pid: int) -> list[int]:
    """A process and its descendants, parents first. Where /proc does not tell, the process alone."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc") if sys.platform == "linux" else ()):
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                text = stat.read()
        except OSError:
            continue  # it has just ended
        # The name, in brackets, may hold anything; the parent's id is the second field after it.
        parents.setdefault(int(text.rpartition(b")")[2].split(None, 2)[1]), []).append(int(name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _runs(pid: int) -> bool:
    return _state(pid) not in "TtZX"


def _lives(pid: int) -> bool:
    return _state(pid) not in "ZX"


def _state(pid: int) -> str:
    """The letter of a process's state; that of the dead if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _tie(user: str | None, stop_signal: signal.Signals) -> list[str]:
    """A prefix that starts a command as another user, and has the kernel stop it when we die (Linux with setpriv).

    Without setpriv a server that nobody stops outlives us, but only when we are killed ourselves.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        if user is not None:
            raise OperatorError(
                f"a server has to be started as user {user}, which needs setpriv",
                hint="Install util-linux, or do not run as root.",
            )
        return []
    change = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user is not None else []
    return [setpriv, *change, f"--pdeathsig={stop_signal.name.removeprefix('SIG')}", "--"]
