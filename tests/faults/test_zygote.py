"""What a zygote forks is a process like any other: it can be killed, stopped, asked to end, and ends with its code."""
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce_events.bus.embedded.server import Server
from tests.faults.nursery import POSSIBLE, ROOT, Forked, Nursery, Zygote

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="no pidfd on this system: every process is started, none forked")
#: Seconds in which anything must have happened, on however busy a machine.
PATIENCE = 60
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
    until = time.monotonic() + PATIENCE
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
    assert server._child.wait(PATIENCE) == code
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
    assert server._child.wait(PATIENCE) == -number


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
    assert server._child.wait(PATIENCE) == 0


def alive(zygote: Zygote) -> set[int]:
    """The zygote and everybody who comes of it: they have its command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            if entry.name.isdigit() and zygote._address.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def leaves(zygote: Zygote, *left: int) -> bool:
    """Whether these alone are left, after a while."""
    until = time.monotonic() + PATIENCE
    while alive(zygote) != set(left) and time.monotonic() < until:
        time.sleep(0.02)
    return alive(zygote) == set(left)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Zygote]:
    """A zygote of one test, which may end it."""
    with Zygote(tmp_path) as zygote:
        yield zygote


def test_nobody_outlives_the_nursery(mortal: Zygote, tmp_path: Path) -> None:
    nursery = mortal.nursery({"WORD": "of the run"}, "store")
    server = made("forked", nursery, tmp_path)
    server.launch()
    said(server)
    assert len(alive(mortal)) == 3
    nursery.close()
    assert leaves(mortal, mortal._server.pid)


def test_who_is_asked_for_and_not_waited_for_is_not_left_behind(mortal: Zygote, tmp_path: Path) -> None:
    """A laboratory that is told to end while one of its faults starts a process."""
    nursery = mortal.nursery({"WORD": "of the run"}, "store")
    server = made("forked", nursery, tmp_path)
    server.launch()
    said(server)
    os.kill(parent_of(server.pid), signal.SIGSTOP)  # the nursery: it hears of both at once
    nursery._nurse.send(([str(tmp_path / "program.py"), str(tmp_path / "end")], str(tmp_path / "late")))
    nursery.close()
    os.kill(parent_of(server.pid), signal.SIGCONT)
    assert leaves(mortal, mortal._server.pid)


@pytest.mark.parametrize("who", ["the nursery", "the zygote"])
def test_nobody_outlives_who_made_it(who: str, mortal: Zygote, tmp_path: Path) -> None:
    nursery = mortal.nursery({"WORD": "of the run"}, "store")
    server = made("forked", nursery, tmp_path)
    server.launch()
    said(server)
    zygote = mortal._server.pid
    os.kill(zygote if who == "the zygote" else parent_of(server.pid), signal.SIGKILL)
    if who == "the zygote":
        assert mortal._server._child is not None
        mortal._server._child.wait(PATIENCE)
    assert leaves(mortal, *(() if who == "the zygote" else (zygote,)))
    nursery.close()


def test_a_zygote_whose_parent_is_gone_already_ends(tmp_path: Path) -> None:
    """It may have ended before the zygote could ask to be told."""
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    command = [sys.executable, "-m", "tests.faults.zygote", str(tmp_path / "door"), gone.stdout.decode().strip()]
    ended = subprocess.run(command, cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == 1
    assert not (tmp_path / "door").exists()
