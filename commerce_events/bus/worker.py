"""The three stages as one process: who runs, who wakes whom, and how it all ends.

The intake runs in the calling thread, because librdkafka's callbacks do; handling and relaying have a thread each. A
stage that finishes work wakes the next one; the database is polled as a fallback. An outage stops nothing: the stage
waits with growing pauses, says so, and goes on when the other side is back. What no waiting heals ends the process with
an exit code that says which kind of trouble it was.
"""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from commerce_events.bus import clients, kafka
from commerce_events.bus.codec import Decoder, Encoder, Poison
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.failures import is_outage, summary
from commerce_events.bus.guard import RELAY_LEASE, Guard
from commerce_events.bus.handle import Handle
from commerce_events.bus.health import Health
from commerce_events.bus.intake import Batch, Intake
from commerce_events.bus.lease import Lease
from commerce_events.bus.relay import Relay, source
from commerce_events.bus.subscription import Subscription
from commerce_events.bus.types import Handler
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.models import Inbox, OutboxBatch, Resend

log = logging.getLogger(__name__)

STAGES = ("intake", "handle", "relay")
#: Seconds between two looks at the database when nobody wakes a stage.
POLL = 1.0


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


def utc_now() -> datetime:
    """The clock of the stages."""
    return datetime.now(UTC)


@dataclass
class Worker:
    """Runs the stages until it is told to stop, nothing is left to do (``until_idle``), or a stage fails for good."""

    settings: BusSettings
    handlers: Mapping[str, Handler]
    options: Options
    clock: Callable[[], datetime] = utc_now
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self.registry = clients.registry(self.settings)
        self.guard = Guard(self.settings, self.registry)
        self.health = Health(self.settings["HEALTH_FILE"], self.options.stages)
        self.stopping = threading.Event()
        self.wake = {stage: threading.Event() for stage in STAGES}
        self.idle = dict.fromkeys(self.options.stages, False)
        self.failure: BaseException | None = None
        self._suspicious = threading.Event()  # the database was away: was it restored meanwhile?
        self._poison_run = 0  # unreadable messages in a row at the end of the last batch

    # --------------------------------------------------------------------------------------------------------- life

    def run(self) -> None:
        """Run to the end.

        Raises:
            OperatorError: somebody must act; the message has a hint.
        """
        if not self._patiently("start", self.guard.check):
            return
        self.health.over("start")
        gc.collect()
        gc.freeze()  # what lives for ever need not be looked at again
        threads = []
        for stage, loop in (("handle", self._handle_loop), ("relay", self._relay_loop)):
            if stage in self.options.stages:
                thread = threading.Thread(target=self._guarded, args=(stage, loop), name=stage, daemon=True)
                thread.start()
                threads.append(thread)
        if "intake" in self.options.stages:
            self._guarded("intake", self._intake_loop)
        while not self.stopping.wait(0.2):
            self._stop_if_idle()
        until = time.monotonic() + self.options.deadline
        for thread in threads:
            thread.join(max(0.1, until - time.monotonic()))
        self.health.close()
        late = [thread.name for thread in threads if thread.is_alive()]
        if self.failure is not None:
            raise self.failure
        if late:
            raise OperatorError(
                f"stages did not end within {self.options.deadline:.0f} s: {', '.join(late)}",
                hint="Nothing is lost: what was not committed is done again at the next start.",
            )

    def stop(self) -> None:
        """Finish what is in hand and end. Safe in a signal handler."""
        self.stopping.set()
        for event in self.wake.values():
            event.set()

    def _guarded(self, stage: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 recorded: it ends the process with its own exit code
            if self.failure is None:
                self.failure = error
            if not isinstance(error, OperatorError):
                log.error("%s stopped: %s", stage, summary(error))
            self.stop()
        finally:
            connection.close()

    def _patiently(self, stage: str, work: Callable[[], object]) -> bool:
        """Do ``work`` until it succeeds; False if the worker was told to stop first."""
        pause = 0.5
        while not self.stopping.is_set():
            try:
                work()
                return True
            except (TransientError, DatabaseError, InterfaceError) as error:
                if isinstance(error, DatabaseError | InterfaceError) and not is_outage(error):
                    raise
                self._away(stage, error)
                self.stopping.wait(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, 5.0)
        return False

    def _away(self, stage: str, error: Exception) -> None:
        what = str(error) if isinstance(error, TransientError) else f"the database does not answer: {summary(error)}"
        log.warning("%s waits: %s", stage, what)
        self.health.waiting(stage, what)
        if not isinstance(error, TransientError):
            self._suspicious.set()
            connection.close()
            # the pooled or persistent connections of this thread may be dead as well
            close_old_connections()

    def _trust(self) -> None:
        """After the database was away it may be another one: ask the guard before anything is decided."""
        if self._suspicious.is_set():
            self._suspicious.clear()
            try:
                self.guard.check()
            except BaseException:
                self._suspicious.set()
                raise

    def _stop_if_idle(self) -> None:
        if self.options.until_idle and all(self.idle.values()) and self._nothing_due():
            self.stop()

    def _nothing_due(self) -> bool:
        """Nothing to handle and nothing to send, as far as the stages of this process could do it."""
        try:
            if "handle" in self.options.stages and Inbox.objects.filter(due_at__lte=self.clock()).exists():
                return False
            waiting = OutboxBatch.objects.exists() or Resend.objects.filter(sent_at=None).exists()
            return not ("relay" in self.options.stages and waiting)
        except (DatabaseError, InterfaceError):
            return False

    # ------------------------------------------------------------------------------------------------------- intake

    def _intake_loop(self) -> None:
        settings = self.settings
        decoder = Decoder(self.registry, self.handlers, settings["MAX_VALUE_BYTES"])
        intake = Intake(
            self.handlers,
            straight=settings["STRAIGHT_PATH"] and "handle" in self.options.stages,
            resend=not self.options.replay,
            resend_after=settings["RESEND_AFTER"],
            resend_every=settings["RESEND_EVERY"],
        )
        subscription = Subscription(settings, self.options.start, self.clock, self.options.replay)
        try:
            if not self._patiently("intake", subscription.subscribe):
                return
            while not self.stopping.is_set():
                self._intake_once(subscription, decoder, intake)
        finally:
            subscription.close()

    def _intake_once(self, subscription: Subscription, decoder: Decoder, intake: Intake) -> None:
        if subscription.wanted and not self._keeping_up(subscription, subscription.settle):
            return
        messages = subscription.read(self.settings["BATCH"], 0.2)
        self.health.beat("intake")
        if not messages:
            self.idle["intake"] = self.options.until_idle and subscription.at_end()
            self._keeping_up(subscription, lambda: subscription.check_topics(self.settings["TOPIC_CHECK"]))
            self._check_halted(subscription)
            self._stop_if_idle()
            return
        self.idle["intake"] = False
        self._keeping_up(subscription, lambda: self._store(messages, subscription, decoder, intake))

    def _store(
        self, messages: list[kafka.Record], subscription: Subscription, decoder: Decoder, intake: Intake
    ) -> None:
        self._trust()
        batch, longest, poison_run = _decode(messages, decoder, self._poison_run)
        if longest >= self.settings["POISON_PAUSE"] and not self.options.accept_poison:
            raise TransientError(
                f"{longest} messages in a row cannot be read ({batch.poison[-1].reason}): that is hardly the messages' "
                "fault. Nothing is set aside meanwhile. Check the registry and the producers; if the messages are "
                "really bad, start once with --accept-poison"
            )
        known = {at: subscription.stands[at] for at in batch.next_offsets if at in subscription.stands}
        for at in batch.next_offsets.keys() - known.keys():  # revoked while we waited
            batch.drop(at)
        stored = intake.store(batch, known, self.guard.context(self.clock()))
        self._poison_run = poison_run
        if stored.lost:
            self._suspicious.set()
        subscription.moved(batch.next_offsets, stored.lost)
        self.totals.received += len(messages)
        self.totals.handled += stored.handled
        self.totals.duplicates += stored.duplicates
        self.totals.dead += stored.dead
        if stored.pending:
            self._wake("handle")
        if stored.messages:
            self._wake("relay")

    def _keeping_up(self, subscription: Subscription, work: Callable[[], object]) -> bool:
        """Do ``work`` until it succeeds, paused but alive in the group meanwhile."""
        pause, paused = 0.2, False
        while not self.stopping.is_set():
            try:
                work()
            except (TransientError, DatabaseError, InterfaceError) as error:
                if isinstance(error, DatabaseError | InterfaceError) and not is_outage(error):
                    raise
                self._away("intake", error)
                if not paused:
                    subscription.hold()
                    paused = True
                until = time.monotonic() + pause * random.uniform(0.8, 1.2)
                while time.monotonic() < until and not self.stopping.is_set():
                    subscription.stay(0.1)
                pause = min(pause * 2, 3.0)
            else:
                if paused:
                    subscription.release()
                return True
        return False

    def _check_halted(self, subscription: Subscription) -> None:
        if self.options.until_idle and not subscription.wanted and not subscription.assigned:
            halted = subscription.halted()
            if halted:
                self.idle["intake"] = True

    # ------------------------------------------------------------------------------------------------ handle, relay

    def _handle_loop(self) -> None:
        handle = Handle(
            self.handlers,
            group=self.settings["BATCH"],
            unknown_attempts=self.settings["UNKNOWN_ATTEMPTS"],
            transient_for=timedelta(hours=self.settings["TRANSIENT_HOURS"]),
        )
        group = handle.group if handle.bulk else 1
        workers = self.options.concurrency
        with ThreadPoolExecutor(workers, "handle", initializer=None) as pool:
            while not self.stopping.is_set():
                if not self._patiently("handle", lambda: self._handle_once(handle, pool, group, workers)):
                    return

    def _handle_once(self, handle: Handle, pool: ThreadPoolExecutor, group: int, workers: int) -> None:
        self._trust()
        self.wake["handle"].clear()
        streams = handle.due(self.clock(), group * workers * 8)
        self.health.beat("handle")
        if not streams:
            self.idle["handle"] = True
            self.wake["handle"].wait(POLL)
            return
        self.idle["handle"] = False
        shares = [streams[i : i + group] for i in range(0, len(streams), group)]
        if workers == 1:
            done = sum(self._handle_share(handle, share) for share in shares)
        else:
            futures: list[Future[int]] = [pool.submit(self._handle_in_pool, handle, share) for share in shares]
            wait(futures)
            done = sum(future.result() for future in futures)
        self.totals.handled += done
        if not done:  # claimed by others, or waiting after a failure
            self.wake["handle"].wait(0.05)

    def _handle_share(self, handle: Handle, share: list[int]) -> int:
        if self.stopping.is_set():
            return 0
        done = handle.run(share, self.guard.context(self.clock()))
        self._wake("relay")
        return done

    def _handle_in_pool(self, handle: Handle, share: list[int]) -> int:
        try:
            return self._handle_share(handle, share)
        except (DatabaseError, InterfaceError):
            connection.close()
            raise

    def _relay_loop(self) -> None:
        settings = self.settings
        relay = Relay(
            lambda: clients.producer(settings),
            Encoder(self.registry, settings["REGISTER_SCHEMAS"]),
            Lease(RELAY_LEASE, settings["LEASE"]),
            settings.full_topic,
            source(settings.installation),
        )
        try:
            while not self.stopping.is_set():
                if not self._patiently("relay", lambda: self._relay_once(relay)):
                    break
            self._patiently_last(relay)
        finally:
            relay.close()

    def _relay_once(self, relay: Relay) -> None:
        self._trust()
        self.wake["relay"].clear()
        sent = relay.run()
        self.totals.published += sent
        self.health.beat("relay")
        self.idle["relay"] = not sent
        if not sent:
            self.wake["relay"].wait(POLL)

    def _patiently_last(self, relay: Relay) -> None:
        """One more round on the way out: what was committed a moment ago need not wait for the next start."""
        try:
            if self.failure is None and not self._suspicious.is_set():
                self.totals.published += relay.run()
        except (TransientError, DatabaseError, InterfaceError) as error:
            log.info("left for the next start: %s", summary(error))

    def _wake(self, stage: str) -> None:
        if stage in self.idle:
            self.idle[stage] = False
        self.wake[stage].set()


def _decode(messages: list[kafka.Record], decoder: Decoder, poison_run: int) -> tuple[Batch, int, int]:
    """The batch, the longest run of unreadable messages in it, and the run at its end, which the next one continues."""
    batch, longest = Batch(), 0
    for message in messages:
        decoded = decoder.decode(message)
        if isinstance(decoded, Poison):
            batch.poison.append(decoded)
            poison_run += 1
            longest = max(longest, poison_run)
        elif decoded is not None:
            batch.events.append(decoded)
            poison_run = 0
        batch.next_offsets[message.topic(), message.partition()] = message.offset() + 1
    return batch, longest, poison_run
