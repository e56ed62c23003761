"""What a handler does beside handling is done again and again, stands in nobody's way, and survives an outage."""
from __future__ import annotations

import threading
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from commerce_events.bus.chore_loop import ChoreLoop
from commerce_events.bus.run import POLL
from commerce_events.bus.worker import Options, Worker
from tests.unit.bus.recording import Recording


class Stopping(threading.Event):
    """Remembers for how long somebody rested."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.rests.append(timeout)
        return super().wait(timeout)


class Run:
    """What a chore needs of a run, with a memory."""

    def __init__(self) -> None:
        self.idle: dict[str, bool] = {}
        self.stopping = Stopping()
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
    chores.run()
    assert run.stopping.rests == [POLL], "when there was nothing more to do"
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
