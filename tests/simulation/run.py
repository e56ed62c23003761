"""One run: a plan made of a seed, the steps, and what must be true while they are made and when all is over."""
from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

from commerce_events import identity
from tests.model.memory import Memory
from tests.model.sequential import agree
from tests.model.strategies import COURSES, OFFERED, Phase, World, line, order, refund, refund_line

from .machine import Broker, Database, Process, Tables
from .stages import Site, guard, handle, intake, relay

PARTITIONS, PROCESSES = 3, 3
KINDS = ("crash", "crash", "crash", "pause", "broker", "backup", "restore", "rebalance", "fail", "heal")
RESTORES = ("backup", "restore", "fail", "heal")
TWICE = ("broker", "restore", "fail", "heal")  # what was decided between two restores is told after the second
#: Steps after the faults in which everything must come to rest.
PATIENCE = 20_000


class Fault(NamedTuple):
    """What goes wrong, and when."""

    at: int
    kind: str
    which: int


@dataclass(frozen=True)
class Plan:
    """Everything that a seed decides but the interleaving, which is drawn from it step by step."""

    seed: int
    steps: int
    events: tuple[tuple[str, dict[str, Any]], ...]  # as the stores send them: shuffled, repeated
    faults: tuple[Fault, ...]
    bug: str = ""

    def __str__(self) -> str:
        said = [f"seed {self.seed}, {len(self.events)} events, {len(self.faults)} faults"]
        for kind, data in self.events:
            about = data.get("refund_id") or f"revision {data.get('revision')}"
            said.append(f"  {kind.split('.')[-2]} {data['order_key']} {about}")
        return "\n".join([*said, *(f"  at {fault.at} {fault.kind} {fault.which}" for fault in self.faults)])


class ViolationError(AssertionError):
    """Something that must be true is not."""


@dataclass
class Outcome:
    """What was done in a run."""

    steps: int = 0
    crashes: int = 0
    results: int = 0
    epochs: int = 0  # that results were told in after the first one


def plan(seed: int, steps: int = 1500, bug: str = "") -> Plan:
    """Two learners, two courses, several orders of one learner and course, refunds of all kinds; some faults."""
    draw = Random(seed)
    events = []
    for number in range(draw.randint(2, 6)):
        order_id, lines = f"o{number}", []
        for at in range(draw.randint(1, 2)):
            lines.append(line(f"l{at}", draw.choice(COURSES), draw.choice(OFFERED[1:]), draw.choice((1, 1, 2))))
        events.append(order(order_id, {"lms_user_id": draw.choice((1, 1, 2))}, lines))
        for at in range(draw.randint(0, 2)):
            taken = [
                refund_line(sold["line_id"], draw.randint(1, sold["quantity"]), ordered=sold["quantity"])
                for sold in lines if draw.random() < 0.6
            ]  # fmt: skip
            hint = draw.choice(("default", "default", "keep", "deactivate"))
            events.append(refund(order_id, f"r{at}", taken, is_full=draw.random() < 0.3, access_hint=hint))
    events += draw.choices(events, k=draw.randint(0, len(events)))
    draw.shuffle(events)
    kinds = draw.choice((KINDS, KINDS, RESTORES, TWICE))
    faults = tuple(sorted(
        Fault(draw.randrange(steps), draw.choice(kinds), draw.randrange(12)) for _ in range(draw.randint(0, 14))
    ))  # fmt: skip
    return Plan(seed, steps, tuple(events), faults, bug)


@dataclass
class Run:
    """The processes of one plan."""

    plan: Plan
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.plan.seed} steps")
        self.world = World(dict.fromkeys(COURSES, OFFERED), phases=[Phase([], list(self.plan.events))])
        tables = Tables(Memory(self.world), [0] * PARTITIONS)
        broker = Broker([[] for _ in range(PARTITIONS)], [0] * PARTITIONS)
        self.site = Site(Database(tables), broker, self.random, self.plan.bug)
        self.backup = deepcopy(tables)
        self.lost: set[int] = set()  # processes that are paused
        self.shift = 0
        self.processes = [self._start(number) for number in range(PROCESSES * 3)]

    def _start(self, number: int) -> Process:
        guard(self.site)
        stage, name = divmod(number, PROCESSES)
        if stage == 0:
            return intake(self.site, lambda: self._owned(name))
        return handle(self.site) if stage == 1 else relay(self.site, f"relay {number} {self.outcome.crashes}")

    def _owned(self, name: int) -> list[int]:
        """Each partition has a reader; in a rebalance some have two, as a zombie would."""
        return [p for p in range(PARTITIONS) if (p + self.shift) % PROCESSES == name or self.shift % 4 == 3]

    def run(self) -> Outcome:
        """All of it.

        Raises:
            ViolationError: something that must be true is not.
        """
        arriving = list(self.plan.events)
        every = max(1, self.plan.steps // (len(arriving) + 1))
        faults = list(self.plan.faults)
        for step in range(self.plan.steps):
            if arriving and step % every == 0:
                self._arrive(arriving.pop())
            while faults and faults[0].at <= step:
                self._fault(faults.pop(0))
            self._step()
        for event in arriving:
            self._arrive(event)
        self._heal()
        for _ in range(PATIENCE):
            if self._is_idle():
                break
            self._step()
        else:
            raise ViolationError("I8: it does not come to rest")
        self._check()
        told = self.site.broker.results
        self.outcome.results = len(told)
        self.outcome.epochs = len({identity.epoch_of(result.sequence) for result in told} - {1})
        return self.outcome

    def _arrive(self, event: tuple[str, dict[str, Any]]) -> None:
        """To any partition: the rules do not lean on the order of messages."""
        again = deepcopy(event)
        again[1]["occurred_at"] = f"{self.site.now}"
        self.random.choice(self.site.broker.orders).append(again)

    def _step(self) -> None:
        self.site.now += 1
        self.outcome.steps += 1
        number = self.random.randrange(len(self.processes))
        if number not in self.lost:
            next(self.processes[number])
        tables, committed = self.site.tables, self.site.broker.committed
        known = tables.restored_from  # until it is read again, what a restore gave away stands
        if any(done > max(tables.positions[p], known.get(p, 0)) for p, done in enumerate(committed)):
            raise ViolationError("I5: the committed offset is ahead of the position")

    def _kill(self, number: int) -> None:
        self.processes[number].close()  # type: ignore[attr-defined]
        self.outcome.crashes += 1
        self.lost.discard(number)

    def _fault(self, fault: Fault) -> None:
        number = fault.which % len(self.processes)
        if fault.kind == "crash":
            self._kill(number)
            self.processes[number] = self._start(number)
        elif fault.kind == "pause":
            (self.lost.discard if number in self.lost else self.lost.add)(number)
        elif fault.kind == "broker":
            self.site.broker.is_away = not self.site.broker.is_away
        elif fault.kind == "backup":
            self.backup = deepcopy(self.site.tables)
        elif fault.kind == "restore":
            self._restore()
        elif fault.kind == "rebalance":
            self.shift += 1 + fault.which % 3
        elif fault.kind == "fail":
            self.site.failing = {f"shop:o{fault.which % 6}"}
        else:
            self.site.failing = set()

    def _restore(self) -> None:
        """Everybody loses the database, which comes back as it was; then they start again, one after the other.

        But relays go on publishing what they have in hand: they need no database for that.
        """
        others = range(PROCESSES * 2)
        for number in others:
            self._kill(number)
        self.site.database.restore(self.backup)
        for number in others:
            self.processes[number] = self._start(number)

    def _heal(self) -> None:
        self.site.broker.is_away, self.site.failing, self.lost, self.shift = False, set(), set(), 0

    def _is_idle(self) -> bool:
        tables = self.site.tables
        read = all(stand == len(log) for stand, log in zip(tables.positions, self.site.broker.orders, strict=True))
        return read and not tables.outbox and all(row.is_handled for row in tables.inbox.values())

    def _check(self) -> None:
        tables, topic = self.site.tables, self.site.broker.results
        try:
            agree(self.world, tables.memory.end())
        except AssertionError as error:
            raise ViolationError(f"I10: the end is not that of the sequential model: {error}") from error
        said: dict[str, Any] = {}
        last: dict[str, int] = {}
        words: dict[Any, tuple[str, str]] = {}
        for result in topic:
            if said.setdefault(result.id, result) != result:
                raise ViolationError("I3: an id with two contents")
        seen: set[str] = set()
        for result in topic:
            if result.id in seen:
                continue
            seen.add(result.id)
            if identity.epoch_of(result.sequence) < identity.epoch_of(last.get(result.key, 0)):
                continue  # of a history that is lost, as in tests/faults/checkers.py
            if result.sequence <= last.get(result.key, 0):
                raise ViolationError(f"I6: {result.key} falls back from {last[result.key]} to {result.sequence}")
            last[result.key] = result.sequence
            words[result.key, result.slot] = result.word
        decided = {result.id for results in tables.told.values() for result in results}
        if not decided <= seen:
            raise ViolationError("I6: a result is missing on the topic")
        for (key, line_id), grant in tables.memory.grants.items():
            if grant.content and words.get((key, (line_id, "fulfill", None))) != (grant.outcome, grant.reason):
                raise ViolationError(f"I4: {key} {line_id} has another effect than its result says")


def check(chosen: Plan) -> str:
    """The violation of a plan; empty if there is none."""
    try:
        Run(chosen).run()
    except ViolationError as error:
        return str(error)
    return ""


def shrink(chosen: Plan) -> Plan:
    """The same violation (the same invariant) with as few faults and events as can be had by leaving some out."""
    invariant = check(chosen).partition(":")[0]
    left = True
    while left:
        left = False
        for name in ("faults", "events"):
            for at in reversed(range(len(getattr(chosen, name)))):
                parts = getattr(chosen, name)
                smaller = replace(chosen, **{name: parts[:at] + parts[at + 1 :]})
                if check(smaller).partition(":")[0] == invariant:
                    chosen, left = smaller, True
    return chosen

