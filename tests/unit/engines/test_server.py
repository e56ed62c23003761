"""A server as a child process, shown with a small one."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce_events.bus.embedded.ports import free_ports, listens
from commerce_events.bus.embedded.server import Server, family
from commerce_events.exceptions import OperatorError

LISTEN = """
import socket, sys, subprocess, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", LISTEN, str(port)]
    server = Server("a listener", command, ready=lambda: listens(port), log=tmp_path / "log")
    yield server
    server.kill()


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 5
    while any(is_there(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(is_there(pid) for pid in pids)


def children(server: Server) -> list[int]:
    """Its family, once the child that it starts is there."""
    deadline = time.monotonic() + 10
    while len(family(server.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    return family(server.pid)


def test_it_is_ready_when_start_returns(server: Server) -> None:
    assert not server.alive
    server.start()
    assert server.alive


def test_it_comes_back_on_its_address(server: Server) -> None:
    server.start()
    first = server.pid
    server.restart()

    assert server.alive
    assert server.pid != first


def test_kill_takes_its_children_along(server: Server) -> None:
    server.start()
    members = children(server)
    assert len(members) == 2

    server.kill()

    assert not any(map(is_there, members)), "one that starts in its place would find what they hold"
    assert not server.alive


def test_a_paused_server_exists_and_does_nothing(server: Server) -> None:
    server.start()
    members = children(server)
    server.pause()
    states = [Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] for pid in members]

    assert server.alive
    assert set(states) == {"T"}

    server.resume()
    server.stop()
    assert not server.alive


def test_a_paused_server_can_be_stopped(server: Server) -> None:
    server.start()
    server.pause()
    server.stop(patience=5)

    assert not server.alive


def test_one_started_by_a_thread_outlives_the_thread(server: Server) -> None:
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.3)

    assert server.alive


def test_one_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    server = Server(
        "a deaf one", [sys.executable, "-c", deaf], ready=lambda: "ready" in log.read_text(encoding="utf-8"), log=log
    )
    server.start()
    server.stop(patience=0.3)

    assert not server.alive


def test_one_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    server = Server(
        "a broken one", [sys.executable, "-c", "raise SystemExit('no such setting')"], ready=lambda: False,
        log=tmp_path / "log",
    )  # fmt: skip

    with pytest.raises(OperatorError, match="a broken one ended while it started") as error:
        server.start()

    assert "no such setting" in error.value.hint
    assert error.value.hint in "".join(traceback.format_exception(error.value)), "for who sees only the traceback"


def test_one_that_never_gets_ready_is_told_and_ended(tmp_path: Path) -> None:
    server = Server(
        "a slow one", [sys.executable, "-c", "import time; time.sleep(60)"], ready=lambda: False, log=tmp_path / "log",
        patience=0.3,
    )  # fmt: skip

    with pytest.raises(OperatorError, match="not ready after"):
        server.start()

    assert not server.alive


def test_pausing_what_has_ended_says_so(server: Server) -> None:
    with pytest.raises(RuntimeError, match="never started"):
        server.pause()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel that ends orphans is Linux")
def test_it_ends_when_the_one_who_started_it_is_killed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    parent = (
        "import sys, time; from pathlib import Path\n"
        "from commerce_events.bus.embedded.ports import listens\n"
        "from commerce_events.bus.embedded.server import Server\n"
        f"server = Server('a listener', [sys.executable, '-c', {LISTEN!r}, '{port}'], ready=lambda: listens({port}),"
        f" log=Path({str(tmp_path / 'log')!r}))\n"
        "server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[3]
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        members = family(pid)
        os.kill(starter.pid, signal.SIGKILL)
        assert gone([pid])
        for member in members:
            if is_there(member):
                os.kill(member, signal.SIGKILL)
