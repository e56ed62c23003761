"""What a zygote forks is a process like any other: it can be killed, stopped, asked to end, and ends with its code."""
from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce_events.bus.embedded.server import Server
from tests.faults.nursery import POSSIBLE, Forked, Nursery, Zygote

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="no pidfd on this system: every process is started, none forked")
#: Says who it is, then waits to be told its end.
PROGRAM = """
import json, os, sys, time
print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "word": os.environ["WORD"], "session": os.getsid(0),
    "pid": os.getpid(), "folder": os.getcwd(), "threads": len(os.listdir("/proc/self/task")),
    "files": sorted(os.listdir("/proc/self/fd")),
}), flush=True)
while True:
    if os.path.exists(sys.argv[1]):
        print("it ends", file=sys.stderr)
        sys.exit(int(open(sys.argv[1]).read()))
    time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote(tmp_path_factory.mktemp("zygote")) as zygote:
        yield zygote


@pytest.fixture
def nursery(zygote: Zygote) -> Iterator[Nursery]:
    nursery = zygote.nursery({"WORD": "of the run"}, "store")
    yield nursery
    nursery.close()


def made(how: str, nursery: Nursery, folder: Path) -> Server:
    program, log = folder / "program.py", folder / "log"
    program.write_text(PROGRAM)
    command = [str(program), str(folder / "end")]
    if how == "forked":
        return Forked(nursery, "program", command, ready=log.exists, log=log)
    return Server("program", [sys.executable, *command], ready=log.exists, log=log, environment={"WORD": "of the run"})


def said(server: Server) -> dict[str, object]:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        text = server.log.read_text() if server.log.exists() else ""
        if "\n" in text:
            return dict(json.loads(text.splitlines()[0]))
        time.sleep(0.02)
    raise AssertionError(f"it says nothing: {server.log}")


@pytest.mark.parametrize("how", ["forked", "started"])
def test_it_is_a_process_of_its_own(how: str, nursery: Nursery, tmp_path: Path) -> None:
    server = made(how, nursery, tmp_path)
    server.launch()
    it = said(server)
    assert it["pid"] == it["session"] == server.pid
    assert it["word"] == "of the run"
    assert (it["name"], it["folder"], it["threads"]) == ("__main__", "/", 1)
    assert it["arguments"] == [str(tmp_path / "end")]
    assert it["files"] == ["0", "1", "2", "3"]  # the last is the folder that it looks at
    server.kill()


@pytest.mark.parametrize("how", ["forked", "started"])
@pytest.mark.parametrize("code", [0, 3])
def test_it_ends_with_its_code(how: str, code: int, nursery: Nursery, tmp_path: Path) -> None:
    server = made(how, nursery, tmp_path)
    server.launch()
    said(server)
    (tmp_path / "end").write_text(str(code))
    assert server._child is not None
    assert server._child.wait(20) == code
    assert not server.alive
    assert "it ends" in server.log.read_text()


@pytest.mark.parametrize("how", ["forked", "started"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it(how: str, number: signal.Signals, nursery: Nursery, tmp_path: Path) -> None:
    server = made(how, nursery, tmp_path)
    server.launch()
    said(server)
    os.kill(server.pid, number)
    assert server._child is not None
    assert server._child.wait(20) == -number


def test_it_stands_still_and_goes_on(nursery: Nursery, tmp_path: Path) -> None:
    server = made("forked", nursery, tmp_path)
    server.launch()
    said(server)
    server.pause()
    (tmp_path / "end").write_text("0")
    time.sleep(0.2)
    assert server.alive
    server.resume()
    assert server._child is not None
    assert server._child.wait(20) == 0


def test_nobody_outlives_the_nursery(nursery: Nursery, tmp_path: Path) -> None:
    server = made("forked", nursery, tmp_path)
    server.launch()
    said(server)
    pid = server.pid
    nursery.close()
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
