"""One process and two on the same backlog: how much faster, and what an order costs the processors meanwhile."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import process
from benchmarks.site import Site

#: Members look this often whether another one has joined, so that none works alone for long.
HEARTBEAT = {"COMMERCE_EVENTS_TEST_SETTINGS": '{"KAFKA": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}}'}


def measure(site: Site, database: str, prefix: str, group: str, members: int, count: int) -> dict[str, Any]:
    """Let so many processes work off the topic together; the clock runs from the first batch to the last result."""
    variables = {**site.environment(database, prefix, group), **HEARTBEAT}
    process.run("empty", 0, variables)
    waiting = [process.started("member", variables) for _ in range(members)]
    processors = process.Processors(site.programs(database))
    with ThreadPoolExecutor(members) as pool:
        measured = list(pool.map(process.told, waiting))
    used = processors.used()
    shares = [each["handled"] for each in measured]
    if sum(shares) != count:
        raise RuntimeError(f"{members} processes handled {shares}, and not {count}")
    began = min(each["began"] for each in measured if each["began"])
    return {
        "events": count, "seconds": max(each["ended"] for each in measured) - began, "shares": shares,
        "busy": sum(each["busy"] for each in measured), "beside": used,
    }  # fmt: skip
