"""The three stages as one process: who runs, who ends, and with what.

The intake runs in the calling thread, because librdkafka's callbacks do; handling and relaying have a thread each. A
stage that finishes work wakes the next one; the database is polled as a fallback. What no waiting heals ends the
process with an exit code that says which kind of trouble it was.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from commerce_events.bus import metrics
from commerce_events.bus.chore_loop import ChoreLoop
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.failures import summary
from commerce_events.bus.handle_loop import HandleLoop
from commerce_events.bus.intake_loop import IntakeLoop
from commerce_events.bus.relay_loop import RelayLoop
from commerce_events.bus.run import STAGES, Options, Run, Totals
from commerce_events.bus.types import Handler
from commerce_events.exceptions import OperatorError

__all__ = ["STAGES", "Options", "Totals", "Worker"]

log = logging.getLogger(__name__)

#: A batch is tens of thousands of small objects that go by their reference counts; to look for cycles among them after
#: every 700, as Python would, costs a twelfth of the time.
GC_THRESHOLD = (50_000, 20, 100)


class Worker:
    """Runs the stages until it is told to stop, nothing is left to do (``until_idle``), or a stage fails for good."""

    def __init__(
        self,
        settings: BusSettings,
        handlers: Mapping[str, Handler],
        options: Options,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.state = Run(settings, handlers, options, clock)
        self.intake = IntakeLoop(self.state)
        self.handle = HandleLoop(self.state)
        self.relay = RelayLoop(self.state)
        self.chores = [
            ChoreLoop(self.state, name, chore)
            for handler in {id(handler): handler for handler in handlers.values()}.values()
            for name, chore in getattr(handler, "chores", {}).items()
            if "handle" in options.stages
        ]

    @property
    def totals(self) -> Totals:
        """What was done so far."""
        return self.state.totals

    @property
    def stopping(self) -> bool:
        """It was told to stop, or a stage failed."""
        return self.state.stopping.is_set()

    def stop(self) -> None:
        """Finish what is in hand and end. Safe in a signal handler."""
        self.state.stop()

    def wake(self, stage: str) -> None:
        """Have a stage look at the database now."""
        self.state.wake(stage)

    def run(self, *before: Callable[[], object]) -> None:
        """Run to the end.

        Arguments:
            before: what must hold before anything is done; asked again while the database is away.

        Raises:
            OperatorError: somebody must act; the message has a hint.
        """
        state = self.state
        end_of_metrics = metrics.serve(state, state.settings["METRICS"]) if state.settings["METRICS"] else None
        try:
            self._run(before)
        finally:
            if end_of_metrics is not None:
                end_of_metrics()

    def _run(self, before: Sequence[Callable[[], object]]) -> None:
        state = self.state
        for work in (*before, state.guard.check):
            if not state.patiently("start", work):
                return
        state.health.over("start")
        gc.collect()
        gc.freeze()  # what lives for ever need not be looked at again
        gc.set_threshold(*GC_THRESHOLD)
        loops = [("handle", self.handle.run), ("relay", self.relay.run)]
        loops = [(stage, loop) for stage, loop in loops if stage in state.options.stages]
        loops += [(chore.name, chore.run) for chore in self.chores]
        threads = [
            threading.Thread(target=self._guarded, args=named, name=named[0], daemon=True) for named in loops
        ]
        for thread in threads:
            thread.start()
        if "intake" in state.options.stages:
            self._guarded("intake", self.intake.run)
        while not state.stopping.wait(0.2):
            state.stop_if_idle()
        self._join(threads)

    def _join(self, threads: list[threading.Thread]) -> None:
        state = self.state
        until = time.monotonic() + state.options.deadline
        for thread in threads:
            thread.join(max(0.1, until - time.monotonic()))
        state.health.close()
        late = [thread.name for thread in threads if thread.is_alive()]
        if state.failure is not None:
            raise state.failure
        if late:
            raise OperatorError(
                f"stages did not end within {state.options.deadline:.0f} s: {', '.join(late)}",
                hint="Nothing is lost: what was not committed is done again at the next start.",
            )

    def _guarded(self, stage: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 recorded: it ends the process with its own exit code
            if self.state.failure is None:
                self.state.failure = error
            if not isinstance(error, OperatorError):
                log.error("%s stopped: %s", stage, summary(error))
            self.stop()
        finally:
            connection.close()
