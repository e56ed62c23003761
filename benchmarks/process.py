"""A loop as a process of its own, and what it needs to know."""
from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from commerce_events.bus.embedded.server import family

TIMEOUT = 600


def environment(database: str, bootstrap: str, registry: str, prefix: str, group: str, log: str) -> dict[str, str]:
    """What a process of ours reads (``tests/settings.py``, ``benchmarks/settings.py``)."""
    return {
        "COMMERCE_EVENTS_TEST_DATABASE": database,
        "COMMERCE_EVENTS_TEST_BOOTSTRAP": bootstrap,
        "COMMERCE_EVENTS_TEST_REGISTRY": registry,
        "COMMERCE_EVENTS_TEST_PREFIX": prefix,
        "BENCHMARK_GROUP": group,
        "BENCHMARK_LOG": log,
    }


def command(loop: str, count: int) -> list[str]:
    """The command line of a loop."""
    return [sys.executable, "-W", "ignore", "-m", "benchmarks.loops", loop, str(count)]


def run(loop: str, count: int, variables: Mapping[str, str], before: Sequence[str] = ()) -> dict[str, Any]:
    """Run a loop to its end and answer what it measured. ``before`` is put before its command: a profiler."""
    done = subprocess.run(
        [*before, *command(loop, count)], env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        timeout=TIMEOUT + count / 100,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"loop {loop} failed:\n{done.stdout[-500:]}\n{done.stderr[-3000:]}")
    return outcome(done.stdout)


def outcome(said: str) -> dict[str, Any]:
    """What a loop measured, from the last line that it wrote."""
    lines = [line for line in said.splitlines() if line.startswith("{")]
    measured: dict[str, Any] = json.loads(lines[-1])
    return measured


def started(loop: str, variables: Mapping[str, str], count: int = 0) -> subprocess.Popen[str]:
    """Start a loop that says when it is ready, and wait for that."""
    running = subprocess.Popen(
        command(loop, count), env={**os.environ, **variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = _of(running.stderr).readline()
    if said.strip() != "ready":
        running.kill()
        raise RuntimeError(f"{loop} did not start:\n{said}{_of(running.stderr).read()[-2000:]}")
    return running


def told(running: subprocess.Popen[str]) -> dict[str, Any]:
    """Let a loop that waits for a word begin, and answer what it measured."""
    said, complained = running.communicate("go\n", timeout=TIMEOUT)
    if running.returncode:
        raise RuntimeError(f"a process failed:\n{complained[-3000:]}")
    return outcome(said)


def ended(running: subprocess.Popen[str]) -> None:
    """End a loop that runs until it is told to stop."""
    running.terminate()
    try:
        running.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()


def _of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def peak_memory() -> float:
    """The largest resident size of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class Processors:
    """How much of the processors some programs use from now on, each with its children: the database, the broker."""

    def __init__(self, programs: Mapping[str, int]) -> None:
        self.programs, self.began = programs, {name: _worked(pid) for name, pid in programs.items()}

    def used(self) -> dict[str, float]:
        """Seconds since then, by program."""
        return {name: round(_worked(pid) - self.began[name], 2) for name, pid in self.programs.items()}


def _worked(pid: int) -> float:
    """Seconds that a program and its children have worked so far, those included that have ended."""
    ticks = 0
    for each in family(pid):
        try:
            text = Path(f"/proc/{each}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended, and its parent counts it
        ticks += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
