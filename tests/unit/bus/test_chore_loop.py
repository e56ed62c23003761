"""What a handler does beside handling is done again and again, stands in nobody's way, and survives an outage."""
from __future__ import annotations

import threading
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from commerce_events.bus.chore_loop import ChoreLoop
from commerce_events.bus.worker import Options, Worker
from tests.unit.bus.recording import Recording


class Run:
    """What a chore needs of a run, with a memory."""

    def __init__(self) -> None:
        self.idle: dict[str, bool] = {}
        self.stopping = threading.Event()
        self.woken: list[str] = []
        self.beats: list[str] = []
        self.health = SimpleNamespace(beat=self.beats.append)

    def clock(self) -> datetime:
        return datetime(2026, 5, 1)  # noqa: DTZ001 – any time will do

    def trust(self) -> None:
        pass

    def wake(self, stage: str) -> None:
        self.woken.append(stage)

    def patiently(self, stage: str, work: Any) -> bool:
        work()
        return not self.stopping.is_set()


def loop(*answers: int) -> tuple[Run, ChoreLoop]:
    left, run = list(answers), Run()

    def chore(now: datetime) -> int:
        if len(left) == 1:
            run.stopping.set()
        return left.pop(0)

    return run, ChoreLoop(run, "calls", chore)  # type: ignore[arg-type]


def test_it_goes_on_at_once_while_there_is_something_to_do() -> None:
    run, chores = loop(3, 1, 0)
    began = time.monotonic()
    chores.run()
    assert time.monotonic() - began < 0.9
    assert (run.beats, run.woken) == (["calls"] * 3, ["relay"] * 2)


def test_a_run_that_ends_when_idle_waits_for_it() -> None:
    run, chores = loop(1, 0)
    assert run.idle == {"calls": False}
    chores.once()
    assert run.idle == {"calls": False}
    chores.once()
    assert run.idle == {"calls": True}


class Diligent(Recording):
    """A handler with a chore."""

    @property
    def chores(self) -> dict[str, Any]:
        return {"sweep": lambda now: 0}


def test_chores_are_done_where_events_are_handled(prefix: str, sqlite: Any) -> None:
    from commerce_events.bus.conf import bus_settings

    handlers: dict[str, Any] = dict.fromkeys(Diligent.event_types, Diligent())
    for stages, expected in (({"intake", "handle", "relay"}, ["sweep"]), ({"relay"}, [])):
        worker = Worker(bus_settings(), handlers, Options(stages=frozenset(stages)))
        assert [chore.name for chore in worker.chores] == expected
