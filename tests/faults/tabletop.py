"""The stages without processes: the real intake, handle and relay, two of each, in one thread on a small database.

A run of a tenth of a second. Crashes are exceptions at the places where a process may die, brokers are lists, and the
state that is left is the one that the checkers of the laboratory read. Planted bugs are found here (``planted``).
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from commerce_events import topics, wire
from commerce_events.bus import conf, guard, positions
from commerce_events.bus.codec import Encoder
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.handle import Handle
from commerce_events.bus.intake_loop import IntakeLoop
from commerce_events.bus.kafka import Log
from commerce_events.bus.lease import Lease
from commerce_events.bus.reader import Heard
from commerce_events.bus.relay import Relay
from commerce_events.bus.run import Options, Run
from commerce_events.bus.subscription import Subscription
from commerce_events.exceptions import CommerceEventsError, ContractError, TransientError
from commerce_events.models import Gap, Inbox, OutboxBatch, Position
from commerce_events.models import Lease as LeaseRow
from consumers.fulfillment.handler import FulfillmentHandler
from consumers.fulfillment.reference.gateway import ReferenceGateway
from consumers.fulfillment.reference.models import ReferenceCourse
from consumers.fulfillment.rules.policy import Policy, Source
from tests.faults import state as states
from tests.faults import watch
from tests.faults.plan import CANARY, COURSES, LEARNERS, OFFERED, SOURCES, plan
from tests.proof import snapshot
from tests.unit.bus.brokers import Broker

PREFIX, GROUP, PARTITIONS = "tabletop", "tabletop", 2
TOPIC = topics.full_topic(topics.ORDER_TOPIC, PREFIX)
STEPS = 60


class CrashError(BaseException):
    """This process is dead: nothing after it happens, and nobody catches it."""


@dataclass
class Message:
    """A message on the order topic."""

    place: tuple[int, int]  # partition, offset
    of_key: bytes
    of_value: bytes | None
    of_headers: list[tuple[str, bytes]]

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self.place[0]

    def offset(self) -> int:
        return self.place[1]

    def key(self) -> bytes:
        return self.of_key

    def value(self) -> bytes | None:
        return self.of_value

    def headers(self) -> list[tuple[str, bytes]]:
        return self.of_headers


class Schemas:
    """A registry in memory. ``away``: it does not answer."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.away = False

    def register(self, _: str, text: str) -> int:
        self.texts.append(text)
        return len(self.texts)

    def forget(self) -> None:
        """It remembers what it is, not what it heard."""

    def schema_by_id(self, number: int) -> str:
        if self.away:
            raise TransientError("the registry does not answer")
        if number > len(self.texts):
            raise ContractError(f"schema id {number} is unknown to the registry")
        return self.texts[number - 1]


class Moody(ReferenceGateway):
    """The platform: fails as often as it is told to."""

    failures: list[Exception]

    def apply(self, changes: Any) -> Any:
        if changes and self.failures:
            raise self.failures.pop()
        return super().apply(changes)


@dataclass
class Assigned:
    """What the intake wants of a subscription: the positions it began with, and Kafka's committed offsets."""

    site: Site
    stands: dict[tuple[str, int], positions.Stand] = field(default_factory=dict)

    def begin(self) -> None:
        """Every partition at the database's position; what is no longer there is a gap."""
        known = positions.load(GROUP, [TOPIC])
        for number in range(PARTITIONS):
            at = (TOPIC, number)
            stand = known.get(at) or positions.start(GROUP, TOPIC, number, 0, "")
            log_ = Log(self.site.low[number], len(self.site.log[number]))
            reason = "" if stand.halted else positions.gap(stand, log_)
            if reason:
                halted = positions.halt(GROUP, stand, log_, reason, self.site.now)
                Subscription._alarm(None, halted)  # type: ignore[arg-type]  # says it, whoever it is
                positions.accept(Gap.objects.latest("pk"), log_, log_.low, "a person", self.site.now)
                stand = positions.load(GROUP, [TOPIC])[at]
            elif stand.offset < log_.low:  # whoever reads there gets the first message that is left
                stand = positions.Stand(stand.id, *at, log_.low)
            self.stands[at] = stand

    def read(self, most: int) -> list[Message]:
        """The next messages of each partition; a client that commits by itself takes them for done."""
        messages: list[Message] = []
        for at, stand in self.stands.items():
            begin = max(stand.offset, self.site.low[at[1]])
            found = self.site.log[at[1]][begin:][:most]
            if conf.CONSUMER["enable.auto.commit"] and conf.CONSUMER["enable.auto.offset.store"]:
                self.site.committed[at] = max(begin + len(found), self.site.committed.get(at, 0))
            messages += found
        return messages

    def moved(self, next_offsets: dict[tuple[str, int], int], lost: set[tuple[str, int]]) -> None:
        self.site.crash("stored, offset not committed")
        for at, offset in next_offsets.items():
            if at not in lost:
                stand = self.stands[at]
                self.stands[at] = positions.Stand(stand.id, *at, offset, stand.topic_id)
                self.site.committed[at] = max(offset, self.site.committed.get(at, 0))
        if lost:
            self.begin()


class Compared(guard.Guard):
    """The guard, without a broker to ask: both topics are lists."""

    site: Site

    def check(self) -> bool:
        """As the guard's own: a new epoch, if Kafka knows more than the database."""
        ahead = positions.ahead(self.site.committed, positions.load(GROUP, [TOPIC]))
        found: dict[str, int] = {}
        for message in self.site.broker.log:
            result = _result(message).body["fulfillment"]
            found[result["order_key"]] = max(result["sequence"], found.get(result["order_key"], 0))
        row = guard.installation(self.settings.installation)
        if guard._is_explained(ahead, row) and not guard._lost(found, row.epoch):
            return False
        return self._new_epoch(ahead, found)


class Process:
    """One consumer: an intake with its subscription, a handle stage, a relay with a lease."""

    def __init__(self, site: Site) -> None:
        settings = bus_settings(INSTALLATION="test-lms", BATCH=4, LANES=1, STRAIGHT_PATH=site.straight, RESEND_AFTER=0)
        handlers = dict.fromkeys(site.handler.event_types, site.handler)
        self.run = Run(settings, handlers, Options(), lambda: site.now)
        self.run.registry = site.registry  # type: ignore[assignment]
        self.run.guard = Compared(settings, site.registry, lambda: site.now)  # type: ignore[arg-type]
        self.run.guard.site = site
        self.run.guard.check()  # as a worker does before anything else
        self.run.breaker._share = 2.0  # never opens: a few failures are most of what a small run does
        self.intake = IntakeLoop(self.run)
        self.handle = Handle(handlers, breaker=self.run.breaker)
        self.relay = Relay(
            site.broker.producer, Encoder(site.registry, True), Lease("relay", 0.05),  # type: ignore[arg-type]
            lambda name: topics.full_topic(name, PREFIX), "openedx/lms",
        )  # fmt: skip
        self.subscription = Assigned(site)
        self.subscription.begin()


class Site:
    """Both topics, the tables, two processes, and a seed that says what happens next."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.plan = plan(seed, orders=7)
        self.straight = self.plan.straight
        self.now = datetime.now(UTC)
        self.registry, self.broker = Schemas(), Broker()
        self.gateway = Moody()
        self.gateway.failures = []
        self.handler = FulfillmentHandler(self.gateway, Policy(sources={name: Source() for name in SOURCES}))
        self.log: list[list[Message]] = [[] for _ in range(PARTITIONS)]
        self.low = [0] * PARTITIONS
        self.committed: dict[tuple[str, int], int] = {}
        self.epoch = 1
        self.noted: list[str] = []
        self.expired: list[tuple[int, int, int]] = []  # partition, from, to: deleted before they were read
        self.backup: Any = None
        self.restored = False
        self.ceilings: dict[int, int] = {}  # partition → its position before the restore
        self.arriving = [(sale.kind, sale.body) for sale in reversed(self.plan.sales)]
        self.records: list[str] = []
        self._prepare()
        self.processes = [Process(self), Process(self)]

    def _prepare(self) -> None:
        users = get_user_model()
        users.objects.bulk_create([
            users(pk=number, username=f"learner{number}", email=f"{CANARY}-{number}@example.com", is_active=True)
            for number in range(1, LEARNERS + 1)
        ])  # fmt: skip
        for key in COURSES:
            ReferenceCourse.objects.create(course_key=key, modes=dict.fromkeys(OFFERED))
        guard.installation("test-lms")

    # What may happen.

    def publish(self, kind: str, body: dict[str, Any]) -> None:
        """A store's message, on any partition."""
        number = self.draw.randrange(PARTITIONS)
        headers = [(topics.HEADER_TYPE, topics.ORDER_PAID_TYPE.encode())]
        value: bytes | None = b"\0\0\0\0\1 nobody can read this"
        key = "shop:poison"
        if kind in topics.EVENT_TYPES:
            key = next(iter(body.values()))["order_key"]
            schema_id = self.registry.register("", wire.schema_text(kind))
            value = wire.frame(schema_id, wire.encode(kind, body))
            ce_id = f"{self.draw.getrandbits(128):032x}"
            headers = [(topics.HEADER_TYPE, kind.encode()), (topics.HEADER_ID, ce_id.encode())]
        self.log[number].append(Message((number, len(self.log[number])), key.encode(), value, headers))

    def crash(self, _: str, share: float = 0.06) -> None:
        """A place where a process may die."""
        if self.draw.random() < share:
            raise CrashError

    def step(self) -> None:
        """One process does one stage; now and then something goes wrong."""
        self.now += timedelta(seconds=5)
        for _ in range(min(len(self.arriving), self.draw.randint(0, 2))):
            self.publish(*self.arriving.pop())
        number = self.draw.randrange(2)
        fault = self.draw.choice(FAULTS)
        fault(self, number)
        process = self.processes[number]
        try:
            self.draw.choice((self.take_in, self.take_in, self.work, self.send))(process)
        except CrashError:
            self.die(number)
        except CommerceEventsError as error:
            if isinstance(error, TransientError):
                self.wait(process, error)
            else:
                self.noted.append(f"I8 a process ended by itself: {error}")
                self.die(number)
        self.look()

    def take_in(self, process: Process, most: int = 5) -> None:
        """Read where the process believes to stand, store."""
        messages = process.subscription.read(most)
        if messages:
            process.intake.store(messages, process.subscription)  # type: ignore[arg-type]

    def work(self, process: Process) -> None:
        """Handle what is due."""
        due = process.handle.due(self.now, 3)
        if due:
            process.handle.run(due, process.run.context())
            self.crash("handled")

    def send(self, process: Process) -> None:
        """A round of the relay."""
        process.relay.run(self.draw.choice((1, 3, 100)))

    def wait(self, process: Process, error: TransientError) -> None:
        """What the loops do when the other side is away, and what the health file says then (I12)."""
        try:
            process.run.away("intake", error)
        except TransientError as given_up:
            self.noted.append(f"I8 a process ended by itself: {given_up}")
        if process.run.health.state() == "ok":
            self.noted.append("I12 health says ok while the intake waits")

    def die(self, number: int) -> None:
        """The process is gone, another one starts; its lease runs out."""
        LeaseRow.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        self.processes[number] = Process(self)

    def look(self) -> None:
        """I5, after each step."""
        stands = dict(Position.objects.values_list("partition", "offset"))
        committed = {number: offset for (_, number), offset in self.committed.items()}
        self.noted += watch.ahead(committed, stands, self.ceilings)

    # What goes wrong.

    def dies(self, number: int) -> None:
        self.die(number)

    def broker_fails(self, _: int) -> None:
        self.broker.takes = self.draw.randint(0, 3)

    def broker_refuses(self, _: int) -> None:
        """From some message on: an idempotent producer delivers none behind one that failed."""
        left = self.draw.randint(0, 3)
        passing = iter(range(left))
        self.broker.refuses = lambda value: next(passing, None) is None

    def broker_heals(self, _: int) -> None:
        self.broker.takes, self.broker.refuses = float("inf"), lambda value: False

    def registry_fails(self, _: int) -> None:
        self.registry.away = not self.registry.away

    def platform_fails(self, _: int) -> None:
        error: Exception = RuntimeError("nobody foresaw this")
        chosen = self.draw.choice((error, TransientError("the platform does not answer")))
        self.gateway.failures += [chosen] * self.draw.choice((1, 1, 6))

    def backed_up(self, _: int) -> None:
        self.backup = self.backup or snapshot.take()

    def is_restored(self, number: int) -> None:
        """Once; seen by whoever starts next."""
        if self.backup is None or self.restored or self.expired:
            return
        self.ceilings = dict(Position.objects.values_list("partition", "offset"))
        snapshot.restore(self.backup)
        self.restored = True
        for each in range(len(self.processes)):
            self.die(each)

    def expires(self, number: int) -> None:
        """Retention deletes what one process has not read yet; the stores send it again."""
        if self.restored or self.expired or self.draw.random() < 0.5:
            return
        stand = positions.load(GROUP, [TOPIC])[TOPIC, number]
        end = len(self.log[number])
        if stand.offset < end:
            gone = self.log[number][stand.offset : end]
            self.expired.append((number, stand.offset, end))
            self.low[number] = end
            for message in gone:
                kind = dict(message.of_headers)[topics.HEADER_TYPE].decode()
                if topics.HEADER_ID in dict(message.of_headers):
                    self.arriving.insert(0, (kind, wire.decode(kind, wire.unframe(message.of_value or b"")[1])))
            for each in range(len(self.processes)):
                self.die(each)

    # The end.

    def settle(self) -> None:
        """Nothing goes wrong any more; everything is done, or this takes too long."""
        self.registry.away = False
        self.broker_heals(0)
        self.gateway.failures.clear()
        self.crash = lambda _, share=0: None  # type: ignore[method-assign]
        while self.arriving:
            self.publish(*self.arriving.pop())
        for _ in range(60):
            self.now += timedelta(hours=2)
            for number in range(2):
                self.die(number)
                process = self.processes[number]
                process.run.options.accept_poison = True  # a person has looked at it
                try:
                    self.take_in(process, 1000)
                    while due := process.handle.due(self.now, 50):
                        process.handle.run(due, process.run.context())
                        self.now += timedelta(seconds=1)
                    self.send(process)
                except TransientError as error:
                    self.wait(process, error)
            if self._is_idle():
                return
        self.noted.append("I8 it does not come to rest")

    def _is_idle(self) -> bool:
        stands = dict(Position.objects.values_list("partition", "offset"))
        read = all(stands.get(number, 0) == len(self.log[number]) for number in range(PARTITIONS))
        return read and not OutboxBatch.objects.exists() and not Inbox.objects.filter(due_at__isnull=False).exists()

    def state(self) -> states.State:
        """What is left, as the checkers want it."""
        state = states.tables()
        state.orders = [self._heard(message) for part in self.log for message in part]
        state.results = [_result(message) for message in self.broker.log]
        state.ends = {(TOPIC, number): len(part) for number, part in enumerate(self.log)}
        state.committed = dict(self.committed)
        state.texts = {"log": "\n".join(self.records)}
        state.noted, state.events, state.restored = self.noted, self.plan.events(), self.restored
        state.expired = [(TOPIC, *each) for each in self.expired]
        return state

    def _heard(self, message: Message) -> Heard:
        kind = dict(message.of_headers)[topics.HEADER_TYPE].decode()
        at = (TOPIC, *message.place, self.now, message.of_key.decode(), kind, "")
        if topics.HEADER_ID not in dict(message.of_headers):
            return Heard(*at, {}, "it cannot be read")
        return Heard(*at, wire.decode(kind, wire.unframe(message.of_value or b"")[1]))


Fault = Callable[[Site, int], None]


def calm(_: Site, __: int) -> None:
    """Nothing happens."""


FAULTS: list[Fault] = [
    *[calm] * 12, Site.dies, Site.dies, Site.broker_fails, Site.broker_refuses, Site.broker_heals, Site.broker_heals,
    Site.registry_fails, Site.platform_fails, Site.platform_fails, Site.backed_up, Site.is_restored, Site.expires,
]  # fmt: skip


class Listening(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, into: list[str]) -> None:
        super().__init__()
        self.into = into

    def emit(self, record: logging.LogRecord) -> None:
        self.into.append(self.format(record))


def run(seed: int) -> states.State:
    """A run on the database that Django is pointed at, which must be empty."""
    site = Site(seed)
    listening, root = Listening(site.records), logging.getLogger()
    root.addHandler(listening)
    try:
        before, threads = watch.descriptors("self"), threading.active_count()
        for _ in range(STEPS):
            site.step()
        site.settle()
        state = site.state()
        state.sizes = {"the process": {
            "descriptors": watch.descriptors("self") - before, "threads": float(threading.active_count() - threads),
        }}  # fmt: skip
        return state
    finally:
        root.removeHandler(listening)


def _result(message: Any) -> Heard:
    kind = dict(message.headers)[topics.HEADER_TYPE]
    kind = kind.decode() if isinstance(kind, bytes) else kind
    body = wire.decode(kind, wire.unframe(message.value)[1])
    at = (message.of_topic, 0, message.at, datetime.now(UTC), message.key.decode(), kind, "")
    return Heard(*at, body)
