"""One process and two on the same backlog: how much faster, and what an order costs the processors meanwhile.

The pace is that of the time in which all of them are at work: when a member joins, the others hand partitions over, and
when one has read its own to the end, the others go on alone. Either takes seconds however long the backlog is.
"""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import process
from benchmarks.site import Site

#: Members look this often whether another one has joined, so that none works alone for long.
HEARTBEAT = {"COMMERCE_EVENTS_TEST_SETTINGS": '{"KAFKA": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}}'}


class NeverTogetherError(RuntimeError):
    """The processes did not work at the same time: nothing was measured."""


def measure(site: Site, database: str, prefix: str, group: str, members: int, count: int) -> dict[str, Any]:
    """Let so many processes work off the topic together.

    Raises:
        NeverTogetherError: they did not, the backlog is too short for this machine.
    """
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
    events, seconds = together([each["steps"] for each in measured])
    return {
        "events": count, "together": events, "seconds": seconds, "rate": round(events / seconds, 1), "shares": shares,
        "busy": sum(each["busy"] for each in measured), "beside": used,
    }  # fmt: skip


def together(courses: Sequence[Sequence[tuple[float, int]]]) -> tuple[int, float]:
    """Events, and seconds, between the first batch of the one that began last and the last of the first to end.

    Arguments:
        courses: of each process, after each of its batches: the time, and its events so far.

    Raises:
        NeverTogetherError: they did not work at the same time.
    """
    if not all(courses):
        raise NeverTogetherError("a process got no partition before the backlog was worked off")
    begin, end = max(course[0][0] for course in courses), min(course[-1][0] for course in courses)
    if end <= begin:
        raise NeverTogetherError("the processes worked one after the other: the backlog is too short")
    return sum(_so_far(course, end) - _so_far(course, begin) for course in courses), end - begin


def _so_far(course: Sequence[tuple[float, int]], at: float) -> int:
    return max((events for time, events in course if time <= at), default=0)
