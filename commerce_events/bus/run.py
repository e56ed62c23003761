"""What the stages of one process share: how to wait, when to distrust the database, when nothing is left to do.

An outage stops nothing: a stage waits with growing pauses, says so, and goes on when the other side is back. What no
waiting heals ends the process.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from commerce_events.bus import clients
from commerce_events.bus.breaker import Breaker
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.failures import is_conflict, is_outage, summary
from commerce_events.bus.guard import Guard
from commerce_events.bus.health import Health
from commerce_events.bus.sources import Sources
from commerce_events.bus.types import Context, Handler
from commerce_events.exceptions import TransientError
from commerce_events.models import Inbox, OutboxBatch, Resend

log = logging.getLogger(__name__)

STAGES = ("intake", "handle", "relay")
#: Seconds between two looks at the database when nobody wakes a stage.
POLL = 1.0
#: What may be an outage: worth waiting for, if it is one.
AWAY = (TransientError, DatabaseError, InterfaceError)


@dataclass
class Totals:
    """What this process has done so far."""

    received: int = 0
    handled: int = 0
    duplicates: int = 0
    dead: int = 0
    published: int = 0


@dataclass
class Options:
    """How a worker runs; the command's flags."""

    stages: frozenset[str] = frozenset(STAGES)
    start: str | datetime | None = None
    concurrency: int = 1
    until_idle: bool = False
    replay: bool = False  # read again from ``start``, although the group has positions; asks for no re-sends
    accept_poison: bool = False  # set unreadable messages aside even where nothing else comes
    deadline: float = 25.0  # seconds between SIGTERM and the end, less than an orchestrator's usual 30


@dataclass
class Run:
    """One run of the stages, from the start of the process to its end."""

    settings: BusSettings
    handlers: Mapping[str, Handler]
    options: Options
    clock: Callable[[], datetime] = utc_now
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self.registry = clients.registry(self.settings)
        self.guard = Guard(self.settings, self.registry, self.clock)
        self.health = Health(self.settings["HEALTH_FILE"], self.options.stages)
        self.breaker = Breaker(
            self.settings["BREAKER_WINDOW"], self.settings["BREAKER_SHARE"],
            timedelta(seconds=self.settings["BREAKER_PROBE"]), self.settings["BREAKER_SUCCESSES"],
        )  # fmt: skip
        self.sources = Sources(self.settings["SOURCE_LIMITS"], self.settings["CROWD"])
        self.stopping = threading.Event()
        self.idle = dict.fromkeys(self.options.stages, False)
        self.failure: BaseException | None = None
        self.suspicious = threading.Event()  # the database was away: was it restored meanwhile?
        self._looking = threading.Lock()
        self._awake = {stage: threading.Event() for stage in STAGES}

    def context(self) -> Context:
        """The surroundings of what is decided now."""
        now = self.clock()
        self.sources.refresh(now)
        return replace(self.guard.context(now), stopped=self.sources.stopped)

    # ----------------------------------------------------------------------------------------- waking and ending

    def stop(self) -> None:
        """Finish what is in hand and end. Safe in a signal handler."""
        self.stopping.set()
        for event in self._awake.values():
            event.set()

    def wake(self, stage: str) -> None:
        """There is something to do for a stage."""
        if stage in self.idle:
            self.idle[stage] = False
        self._awake[stage].set()

    def begin_round(self, stage: str) -> None:
        """From now on a wake-up is meant for the next round."""
        self._awake[stage].clear()

    def rest(self, stage: str, seconds: float = POLL) -> None:
        """Wait until somebody wakes the stage, or so long."""
        self._awake[stage].wait(seconds)

    def stop_if_idle(self) -> None:
        """With ``until_idle``: end once no stage has anything left to do."""
        if self.options.until_idle and all(self.idle.values()) and self._nothing_due():
            self.stop()

    def _nothing_due(self) -> bool:
        """Nothing to handle and nothing to send, as far as the stages of this process could do it."""
        try:
            if "handle" in self.options.stages and (
                Inbox.objects.filter(due_at__lte=self.clock()).exists() or self.sources.hold_some()
            ):
                return False
            waiting = OutboxBatch.objects.exists() or Resend.objects.filter(sent_at=None).exists()
            return not ("relay" in self.options.stages and waiting)
        except (DatabaseError, InterfaceError):
            return False

    # -------------------------------------------------------------------------------------------------- outages

    def patiently(self, stage: str, work: Callable[[], object]) -> bool:
        """Do ``work`` until it succeeds; False if the run was told to stop first."""
        pause = 0.5
        while not self.stopping.is_set():
            try:
                work()
                return True
            except AWAY as error:
                self.away(stage, error)
                self.stopping.wait(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, 5.0)
        return False

    def away(self, stage: str, error: Exception) -> None:
        """Say that a stage waits, and for what. Raises ``error`` again if no waiting would heal it."""
        outside = isinstance(error, TransientError)
        crossed = isinstance(error, OperationalError) and is_conflict(error)  # again and again
        if not outside and not crossed and not is_outage(error):
            raise error
        says = "other transactions are in the way" if crossed else "the database does not answer"
        what = str(error) if outside else f"{says}: {summary(error)}"
        log.warning("%s waits: %s", stage, what)
        self.health.waiting(stage, what)
        if not outside and not crossed:
            self.suspicious.set()
            utc_now.forget()  # it may be another machine's from now on
            connection.close()
            # the pooled or persistent connections of this thread may be dead as well
            close_old_connections()

    def trust(self) -> None:
        """After the database was away it may be another one: ask the guard before anything is decided.

        The stages ask one after the other, so that none goes on while another is still waiting for the answer.
        """
        with self._looking:
            if self.suspicious.is_set():
                self.suspicious.clear()
                # every stage stands still until Kafka has answered, and says nothing of itself meanwhile
                self.health.waiting("guard", "there was an outage, and Kafka is asked what it left")
                try:
                    self.guard.check()
                except BaseException:
                    self.suspicious.set()
                    raise
                self.health.over("guard")
