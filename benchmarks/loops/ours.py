"""Our worker, whole or one stage of it, until nothing is left to do.

The clock starts when the first messages are in hand – as it does in the other loops – and stops with the last commit or
the last acknowledgement of the broker. Nothing of the worker is replaced; two of its steps are watched.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks import database
from benchmarks.process import peak_memory
from benchmarks.waiting import WaitingGateway
from commerce_events.bus import handlers
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.types import Handler
from commerce_events.bus.worker import STAGES, Options, Worker
from consumers.fulfillment.handler import FulfillmentHandler


class Watched(Worker):
    """A worker that notes when it began and when it last got on."""

    began = ended = busy = busy_ended = 0.0
    batches = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.course: list[tuple[int, float]] = []  # after each batch: events so far, seconds of the processor so far
        self.steps: list[tuple[float, int]] = []  # after each batch: the time, events so far
        self._store, self._relay_once = self.intake.store, self.relay.once
        self.intake.store, self.relay.once = self._watched_store, self._watched_relay  # type: ignore[method-assign]

    def _begin(self) -> None:
        if not self.began:
            self.began, self.busy = time.perf_counter(), time.process_time()

    def _end(self) -> None:
        self.ended, self.busy_ended = time.perf_counter(), time.process_time()

    def _watched_store(self, *arguments: Any) -> None:
        self._begin()
        self.batches += 1
        self._store(*arguments)
        self._end()
        self.course.append((self.totals.received, round(self.busy_ended - self.busy, 3)))
        self.steps.append((self.ended, self.totals.received))

    def _watched_relay(self) -> None:
        if self.state.options.stages == {"relay"}:
            self._begin()
        published = self.totals.published
        self._relay_once()
        if self.totals.published > published:
            self._end()


def path(count: int) -> dict[str, Any]:
    """Everything: from the order on Kafka to the result on Kafka."""
    database.empty()
    return {**emptied_path(count), "rows": database.counts()}


def emptied_path(count: int, **said: Any) -> dict[str, Any]:
    """As :func:`path`, on a database that is empty already and with settings of the caller's."""
    worker, outcome = _run(STAGES, said=said)
    assert worker.totals.handled == count, worker.totals
    return {**outcome, "events": count}


def member(_: int) -> dict[str, Any]:
    """One of several processes on one backlog; it begins when it is told to."""
    print("ready", file=sys.stderr, flush=True)
    sys.stdin.readline()
    worker, outcome = _run(STAGES, settled=True)
    return {
        **outcome, "began": worker.began, "ended": worker.ended, "handled": worker.totals.handled,
        "steps": worker.steps,
    }  # fmt: skip


def intake(count: int) -> dict[str, Any]:
    """From Kafka into the inbox."""
    database.empty()
    worker, outcome = _run({"intake"})
    assert worker.totals.received == count, worker.totals
    return {**outcome, "events": count}


def without_relay(count: int) -> dict[str, Any]:
    """Fill the outbox for :func:`relay`."""
    database.empty()
    worker, outcome = _run({"intake", "handle"})
    assert worker.totals.handled == count, worker.totals
    return {**outcome, "events": count}


def relay(_: int) -> dict[str, Any]:
    """From the outbox to Kafka, what :func:`without_relay` left."""
    worker, outcome = _run({"relay"})
    return {**outcome, "events": worker.totals.published}


def replay(count: int) -> dict[str, Any]:
    """Read again what :func:`path` has handled."""
    worker, outcome = _run(STAGES, replay=True)
    assert (worker.totals.duplicates, worker.totals.published) == (count, 0), worker.totals
    return {**outcome, "events": count}


def waiting(concurrency: int) -> Callable[[int], dict[str, Any]]:
    """As :func:`path`, with a platform that takes 5 ms for each enrollment."""

    def loop(count: int) -> dict[str, Any]:
        database.empty()
        handler = FulfillmentHandler(gateway=WaitingGateway())
        worker, outcome = _run(STAGES, concurrency=concurrency, given=dict.fromkeys(handler.event_types, handler))
        assert worker.totals.handled == count, worker.totals
        return {**outcome, "events": count}

    return loop


def backlog(count: int) -> dict[str, Any]:
    """As :func:`path`, for the memory it took, the processor's time as it went on, and the bytes that were left."""
    database.empty()
    logged = database.log_bytes()
    outcome = emptied_path(count)
    logged = database.log_bytes() - logged
    return {
        **outcome, "peak_megabytes": peak_memory(), "rows": database.counts(), "bytes": database.sizes(),
        "log_bytes": logged,
    }  # fmt: skip


def drained() -> tuple[int, float]:
    """Relay what waits in the outbox: how many messages, and in how many seconds."""
    worker, outcome = _run({"relay"}, settled=True)
    return worker.totals.published, outcome["seconds"]


def _run(
    stages: Iterable[str], replay: bool = False, concurrency: int = 1, given: Mapping[str, Handler] | None = None,
    settled: bool = False, said: Mapping[str, Any] | None = None,
) -> tuple[Watched, dict[str, Any]]:  # fmt: skip
    if not settled:
        database.settle()
    settings = bus_settings(**(said or {}))
    options = Options(
        stages=frozenset(stages), start="earliest", until_idle=True, replay=replay, concurrency=concurrency
    )
    worker = Watched(settings, given or handlers.load(settings.handlers), options)
    worker.run()
    seconds, busy = worker.ended - worker.began, worker.busy_ended - worker.busy
    return worker, {"seconds": seconds, "busy": busy, "batches": worker.batches, "course": worker.course}
