"""One run: the plan, the processes, the faults at their times, the healing, the checks."""
from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaException
from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from commerce_events import topics
from commerce_events.bus import kafka, topics_admin
from commerce_events.bus.reader import Heard
from commerce_events.exceptions import TransientError
from commerce_events.models import Inbox, OutboxBatch, Position
from consumers.fulfillment.reference.models import ReferenceCourse
from tests.engines.schema import pointed_at
from tests.faults import checkers, machine, planter, watch
from tests.faults.crew import Crew
from tests.faults.engines import Engines
from tests.faults.faults import FAULTS, Deed, Scene, thaw
from tests.faults.person import Person
from tests.faults.plan import CANARY, COURSES, LEARNERS, OFFERED, PREPARATION, SOURCES, WINDOW, Fault, Plan
from tests.faults.scene import Deleted, SkippedError
from tests.faults.state import State, dump, ends, read

#: Seconds after the last fault in which everything must be done (I8), by the machine's own clock; and by the wall's, of
#: a machine that is hardly given anything.
RECOVERY, AT_LAST = 60.0, 300.0
SETTINGS = {
    "BATCH": 20, "SESSION_TIMEOUT": 3, "LEASE": 3, "TOPIC_CHECK": 5, "RESEND_AFTER": 2, "RESEND_EVERY": 4,
    "BREAKER_PROBE": 1, "BREAKER_SUCCESSES": 2,
}  # fmt: skip


@dataclass
class Outcome:
    """What a run came to."""

    plan: Plan
    seconds: float = 0.0
    settled: float = 0.0  # seconds from the last fault to the end of the backlog
    faults: list[str] = field(default_factory=list)  # by their kinds; what prepares another one is none
    skipped: list[str] = field(default_factory=list)  # those that did not come to pass
    kills: int = 0
    events: int = 0
    results: int = 0
    samples: int = 0
    probes: int = 0  # of health files while their processes could not get on
    fresh: bool = False  # every process began from nothing
    cpu: float = 0.0  # seconds of processor time, of everything that runs in the laboratory
    folder: Path | None = None  # evidence
    violations: dict[str, list[str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = [f"  {name}: {said[0]}" + (f" (and {len(said) - 1} more)" if len(said) > 1 else "")
                 for name, said in self.violations.items()]  # fmt: skip
        head = (
            f"seed {self.plan.seed} {self.plan.database}: {len(self.faults)} faults, {self.kills} kills, "
            f"{self.events} messages, {self.results} results, {self.seconds:.1f} s ({self.cpu:.1f} s of processors), "
            f"settled after {self.settled:.1f} s" + (", every process begun from nothing" if self.fresh else "")
        )
        return "\n".join([head, *found])


class Run:
    """One run on shared engines.

    Attributes:
        faults: those that it knows, by name.

    Arguments:
        folder: keeps its logs.
        bug: one to plant (``planted``).
        fresh: every process begins as a program of its own; else the zygote forks it.
    """

    faults: Mapping[str, Deed] = FAULTS

    def __init__(self, engines: Engines, plan: Plan, folder: Path, bug: str = "", fresh: bool = False) -> None:
        self.engines, self.plan, self.folder, self.bug = engines, plan, folder, bug
        self.zygote = None if fresh else engines.zygote
        self.prefix = f"faults-{plan.seed}-{uuid4().hex[:6]}"
        self.outcome = Outcome(plan, fresh=self.zygote is None)
        self.undone: list[str] = []  # faults that were not done
        self._begin = time.monotonic()

    def note(self, text: str) -> None:
        """A line of the run's log, with its time."""
        line = f"{time.monotonic() - self._begin:6.2f} s  {text}"
        self.outcome.log.append(line)

    def make(self) -> Outcome:
        """All of it."""
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        for proxy in self.engines.before_brokers:
            proxy.reseed(self.plan.seed)
        before_registry, registry = self.engines.before_registry(self.plan.seed)
        before_database, behind, straight = self.engines.before_database(self.plan.database, self.plan.seed)
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "COMMERCE_EVENTS_TEST_DATABASE": behind, "COMMERCE_EVENTS_TEST_BOOTSTRAP": self.engines.proxied,
            "COMMERCE_EVENTS_TEST_KAFKA": json.dumps({"session.timeout.ms": 3000, "heartbeat.interval.ms": 1000}),
            "COMMERCE_EVENTS_TEST_REGISTRY": registry, "COMMERCE_EVENTS_TEST_PREFIX": self.prefix,
            "COMMERCE_EVENTS_TEST_FULFILLMENT": json.dumps({"SOURCES": {source: {} for source in SOURCES}}),
        }  # fmt: skip
        if self.bug:
            environment[planter.ENVIRONMENT] = self.bug
        crew = Crew(self.folder, environment, self.note, self.zygote)
        try:
            with pointed_at(straight):
                scene = Scene(
                    self.engines, crew, self.prefix, self.engines.registry.url, self.plan.database, straight,
                    before_database, before_registry,
                )
                self._prepare()
                self._before(scene)
                self._happen(scene)
                self._settle(scene)
                state = self._state(scene)
                self.outcome.violations = checkers.violations(state)
                if self.undone:
                    self.outcome.violations["a fault could not be done"] = self.undone
                if self.outcome.violations:
                    dump(state, self.folder)
        finally:
            crew.close()
            before_registry.close()
            before_database.close()
            self._forget()
        self.outcome.kills = crew.kills + scene.kills
        self.outcome.seconds = time.monotonic() - began
        self._write()
        return self.outcome

    def _prepare(self) -> None:
        topics_admin.create_topics(self.engines.admin(), self.prefix, partitions=3)
        users = get_user_model()
        users.objects.bulk_create([
            users(pk=number, username=f"learner{number}", email=f"{CANARY}-{number}@example.com", is_active=True)
            for number in range(1, LEARNERS + 1)
        ])  # fmt: skip
        for key in COURSES:
            ReferenceCourse.objects.create(course_key=key, modes=dict.fromkeys(OFFERED))

    def _before(self, scene: Scene) -> None:
        """What else is to be there before the first order."""

    def _happen(self, scene: Scene) -> None:
        settings = {**SETTINGS, "STRAIGHT_PATH": self.plan.straight}
        for flags in self.plan.crew:
            scene.crew.consume(*flags, settings=settings)
        spec = {
            "begin": time.time() + 0.5, "bootstrap": self.engines.proxied, "prefix": self.prefix,
            "registry": scene.crew.environment["COMMERCE_EVENTS_TEST_REGISTRY"],
        }  # fmt: skip
        self._sell(scene, spec)
        self._begin = time.monotonic()
        self._watch = watch.Watch(scene)
        threads = [
            threading.Thread(target=self._fault, args=(scene, fault), name=fault.kind, daemon=True)
            for fault in self.plan.faults
        ]
        for thread in threads:
            thread.start()
        time.sleep(WINDOW)
        for thread in threads:
            thread.join(max(0.1, self._begin + WINDOW + 20 - time.monotonic()))
        self.outcome.log += [f"        {thread.name} is not over yet" for thread in threads if thread.is_alive()]

    def _sell(self, scene: Scene, spec: dict[str, Any]) -> None:
        for number in range(len(SOURCES)):
            scene.crew.sell({**spec, "sales": [sale for sale in self.plan.sales if sale.store == number]})

    def _fault(self, scene: Scene, fault: Fault) -> None:
        time.sleep(max(0.0, self._begin + fault.at - time.monotonic()))
        self.note(f"{fault.kind} (#{fault.which}, {fault.seconds:.1f} s)")
        try:
            self.faults[fault.kind](scene, fault.which, fault.seconds)
            if fault.kind != PREPARATION:
                self.outcome.faults.append(fault.kind)
            self.note(f"{fault.kind} is over")
        except SkippedError as why:
            if fault.kind != PREPARATION:
                self.outcome.skipped.append(fault.kind)
            self.note(f"{fault.kind} was skipped: {why}")
        except Exception as error:  # noqa: BLE001 recorded: a fault that did not happen proves nothing
            self.undone.append(f"{fault}: {type(error).__name__}: {error}")
            self.note(f"{fault.kind} could not be done: {error}")
        finally:
            connection.close()

    def _settle(self, scene: Scene) -> None:
        """Heal everything; wait until all is done, or the time is over."""
        self.note("healing")
        scene.before_database.active = False
        for proxy in (scene.before_database, scene.before_registry):
            proxy.heal()
        scene.crew.settle()
        self.engines.heal()
        connection.close()
        thaw(self.plan.database)
        scene.heal()
        self._person = Person(scene)
        began, clock = time.monotonic(), machine.Clock()
        while not (done := self._is_done(scene)) and clock.tick() < RECOVERY and time.monotonic() < began + AT_LAST:
            time.sleep(0.25)
        self.outcome.settled, wall = clock.tick(), time.monotonic() - began
        self.note(f"{'settled' if done else 'not settled'} in {wall:.1f} s, of which the host left us "
                  f"{self.outcome.settled:.1f}")
        self._is_settled = done and self.outcome.settled < RECOVERY

    def _is_done(self, scene: Scene) -> bool:
        try:
            self._person.look()
            # what failed and waits for its next attempt is asked for now, as a person would
            Inbox.objects.filter(attempts__gt=0, due_at__gt=timezone.now()).update(due_at=timezone.now())
            if not all(store.over for store in scene.crew.stores) or _is_pending():  # the cheap questions first
                return False
            # in the order in which a message goes: who looks from the other end misses what moves on meanwhile
            topic = topics.full_topic(topics.ORDER_TOPIC, self.prefix)
            wanted, id_ = ends(self.engines.bootstrap, topic), kafka.topic_ids(self.engines.admin(), [topic]).get(topic)
            rows = Position.objects.values_list("partition", "offset", "topic_id")
            stands = {partition: (offset, of) for partition, offset, of in rows}  # perhaps of a topic that is no more
            read = all(stands.get(partition, (0, id_)) == (end, id_) for (_, partition), end in wanted.items())
            if _is_pending():
                return False
            green = all(watch.is_green(member.health) for member in scene.crew.consumers)
            return green and read and not self._person.redrive()
        except (DatabaseError, InterfaceError):
            connection.close()
        except (KafkaException, TransientError):  # a partition's leader is being chosen
            pass
        return False

    def _state(self, scene: Scene) -> State:
        noted = self._watch.close()
        for member in [*scene.crew.consumers, *scene.crew.stores]:
            noted += [f"I8 {member.name} ended by itself with {code}: {last}"
                      for code, last in member.ended if not scene.excuses(code, last)]
        if not self._is_settled:
            green = [member.name for member in scene.crew.consumers if watch.is_green(member.health)]
            noted.append(f"I8 not done {RECOVERY:.0f} s after the last fault; green: {green}")
        state = self._read(scene)
        state.events, state.noted, state.sizes = self.plan.events(), noted, self._watch.peaks
        state.restored, state.deleted = bool(scene.restores), _gone(scene.deleted, state.orders)
        self.outcome.events, self.outcome.results = len(state.orders), len(state.results)
        self.outcome.samples, self.outcome.probes = self._watch.samples, self._watch.probes
        return state

    def _read(self, scene: Scene) -> State:
        """All that there is. Brokers that have just come back may still be choosing leaders and coordinators."""
        until = time.monotonic() + 30
        while True:
            try:
                return read(self.engines.bootstrap, scene.registry, self.prefix, self.folder)
            except KafkaException:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def _forget(self) -> None:
        """Delete the run's topics: hundreds of runs share the brokers."""
        admin = self.engines.admin()
        ours = [name for name in admin.list_topics(timeout=10).topics if name.startswith(f"{self.prefix}-")]
        if ours:
            admin.delete_topics(ours, operation_timeout=10)

    def _write(self) -> None:
        lines = [str(self.plan), "", *self.outcome.log, "", str(self.outcome)]
        for name, said in self.outcome.violations.items():
            lines += ["", name, *(f"  {each}" for each in said)]
        (self.folder / "run.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _gone(deleted: Sequence[Deleted], there: Sequence[Heard]) -> list[tuple[Heard, bool]]:
    """What was deleted indeed – the broker was asked, and its answer may not have come –, and whether its topic is no
    more: then what was deleted before is of that one, too.
    """
    gone = [each for each in deleted if each.heard not in there]
    anew = max((at for at, each in enumerate(gone) if each.with_topic), default=-1)
    return [(each, at <= anew) for at, (each, _) in enumerate(gone)]


def _is_pending() -> bool:
    """Something waits to be handled, or to be sent."""
    return Inbox.objects.filter(due_at__isnull=False).exists() or OutboxBatch.objects.exists()


def one(engines: Engines, plan: Plan, evidence: Path, bug: str = "", fresh: bool = False) -> Outcome:
    """Make a run; keep its folder only if something is wrong. What was kept before stays."""
    names = (f"seed-{plan.seed}" + (f"-{again}" if again else "") for again in itertools.count())
    folder = next(evidence / name for name in names if not (evidence / name).exists())
    outcome = Run(engines, plan, folder, bug, fresh).make()
    if outcome.violations:
        outcome.folder = folder
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome
