"""The first stage, round by round: read, decode, store, move on; in an outage paused, but alive in the group."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from commerce_events.bus import kafka
from commerce_events.bus.codec import Decoder, Poison
from commerce_events.bus.intake import At, Batch, Intake, Stored
from commerce_events.bus.lanes import Lanes
from commerce_events.bus.positions import Stand
from commerce_events.bus.run import AWAY, Run
from commerce_events.bus.subscription import Subscription
from commerce_events.exceptions import TransientError

#: Batches read from Kafka at once for each lane, and messages below which one lane takes all.
READ_AHEAD, PARALLEL = 2, 100


class _Share:
    """The messages of one lane, and how far it came."""

    def __init__(self, messages: list[kafka.Record], stands: dict[At, Stand], poison_run: int) -> None:
        self.messages, self.stands, self.poison_run = messages, stands, poison_run
        self.count = len(messages)
        self.stored: list[tuple[dict[At, int], Stored]] = []
        self.error: Exception | None = None


class IntakeLoop:
    """Takes messages until the run ends."""

    def __init__(self, run: Run) -> None:
        self.state = run
        settings, options = run.settings, run.options
        self.decoder = Decoder(run.registry, run.handlers, settings["MAX_VALUE_BYTES"], settings.own_topics)
        self.intake = Intake(
            run.handlers,
            straight=settings["STRAIGHT_PATH"] and "handle" in options.stages,
            resend=not options.replay,
            resend_after=settings["RESEND_AFTER"],
            resend_every=settings["RESEND_EVERY"],
            breaker=run.breaker,
            sources=run.sources,
        )
        self.lanes = Lanes(settings["LANES"])
        self._poison_run = 0  # unreadable messages in a row at the end of the last batch

    def run(self) -> None:
        """Join the group and read, until the run ends."""
        state = self.state
        subscription = Subscription(state.settings, state.options.start, state.clock, state.options.replay)
        try:
            if not state.patiently("intake", subscription.subscribe):
                return
            while not state.stopping.is_set():
                self._once(subscription)
        finally:
            subscription.close()
            self.lanes.close()

    def _once(self, subscription: Subscription) -> None:
        state = self.state
        if subscription.wanted and not self._keeping_up(subscription, subscription.settle):
            return
        # more than the lanes take at once: one partition's messages come in a row, and a lane wants its own
        messages = subscription.read(state.settings["BATCH"] * READ_AHEAD * self.lanes.count, 0.2)
        state.health.halted(subscription.stuck())
        state.health.beat("intake")
        if messages:
            state.idle["intake"] = False
            self._keeping_up(subscription, lambda: self.store(messages, subscription))
        self._keeping_up(subscription, lambda: self._check(subscription))
        if not messages:
            self._keeping_up(subscription, lambda: self._look_around(subscription))
            state.stop_if_idle()

    def _check(self, subscription: Subscription) -> None:
        """Now and then, whatever comes: are topics and positions still those from which we read on?"""
        if subscription.check(self.state.settings["TOPIC_CHECK"]):
            self.state.suspicious.set()

    def _look_around(self, subscription: Subscription) -> None:
        """Nothing came: is this the end?"""
        state = self.state
        if state.options.until_idle:
            nothing_to_read = not subscription.wanted and not subscription.assigned
            state.idle["intake"] = subscription.at_end() or (nothing_to_read and bool(subscription.halted()))

    def store(self, messages: list[kafka.Record], subscription: Subscription) -> None:
        """Store messages, and only then move on in Kafka. Those that are stored are taken from the list.

        Raises:
            TransientError: what was read cannot be judged now; what is left is to be stored later.
        """
        state = self.state
        state.trust()
        shares = [
            _Share(part, dict(subscription.stands), self._poison_run)
            for part in self.lanes.shares(messages, PARALLEL)
        ]
        if not shares:
            return
        self.lanes.run(self._work, shares)
        messages[:] = [message for share in shares for message in share.messages]
        for share in shares:
            self._account(share, subscription)
        self._poison_run = max(share.poison_run for share in shares)
        for share in shares:
            if share.error is not None:
                raise share.error

    def _work(self, share: _Share) -> None:
        """Store a share, one transaction for each batch of it."""
        try:
            while share.messages:
                self._batch(share)
        except Exception as error:  # noqa: BLE001 raised again in the intake's own thread, with what is left
            share.error = error

    def _batch(self, share: _Share) -> None:
        state = self.state
        size = state.settings["BATCH"]
        batch, longest, poison_run = decode(share.messages[:size], self.decoder, share.poison_run)
        if longest >= state.settings["POISON_PAUSE"] and not state.options.accept_poison:
            raise TransientError(
                f"{longest} messages in a row cannot be read ({batch.poison[-1].reason}): that is hardly the messages' "
                "fault. Nothing is set aside meanwhile. Check the registry and the producers; if the messages are "
                "really bad, start once with --accept-poison"
            )
        known = {at: share.stands[at] for at in batch.next_offsets if at in share.stands}
        for at in batch.next_offsets.keys() - known.keys():  # revoked while we waited
            batch.drop(at)
        stored = self.intake.store(batch, known, state.context())
        share.poison_run = poison_run
        share.stored.append((batch.next_offsets, stored))
        for at, offset in batch.next_offsets.items():
            share.stands[at] = replace(known[at], offset=offset)
        del share.messages[:size]
        if stored.lost:
            share.messages = [m for m in share.messages if (m.topic(), m.partition()) not in stored.lost]
        if stored.pending:
            state.wake("handle")
        if stored.messages:
            state.wake("relay")

    def _account(self, share: _Share, subscription: Subscription) -> None:
        """Say what was stored: to Kafka, and to whoever counts."""
        totals = self.state.totals
        totals.received += share.count - len(share.messages)
        for next_offsets, stored in share.stored:
            if stored.lost:
                self.state.suspicious.set()
            subscription.moved(next_offsets, stored.lost)
            totals.handled += stored.handled
            totals.duplicates += stored.duplicates
            totals.dead += stored.dead

    def _keeping_up(self, subscription: Subscription, work: Callable[[], object]) -> bool:
        """Do ``work`` until it succeeds, paused but alive in the group meanwhile."""
        pause, paused = 0.2, False
        while not self.state.stopping.is_set():
            try:
                work()
            except AWAY as error:
                self.state.away("intake", error)
                if not paused:
                    subscription.hold()
                    paused = True
                until = time.monotonic() + pause * random.uniform(0.8, 1.2)
                while time.monotonic() < until and not self.state.stopping.is_set():
                    subscription.stay(0.1)
                pause = min(pause * 2, 3.0)
            else:
                if paused:
                    subscription.release()
                return True
        return False


def decode(messages: Iterable[kafka.Record], decoder: Decoder, poison_run: int) -> tuple[Batch, int, int]:
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
