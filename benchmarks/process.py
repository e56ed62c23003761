"""A loop as a process of its own, and what it needs to know."""
from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

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


def run(loop: str, count: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """Run a loop to its end and answer what it measured."""
    done = subprocess.run(
        command(loop, count), env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        timeout=TIMEOUT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"loop {loop} failed:\n{done.stdout[-500:]}\n{done.stderr[-3000:]}")
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def peak_memory() -> float:
    """The largest resident size of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
