"""Reading partitions from where the database stands: assignment, gaps, seeking, and what the consumer reports.

A partition is read from its position row, a new one from where ``beginning.py`` says. A gap (a topic made anew, expired
offsets) is recorded, raised as an alarm, and halts the partition; the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from django.db import DatabaseError, InterfaceError, transaction

from commerce_events.bus import clients, closing, kafka, positions
from commerce_events.bus.beginning import Beginning
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.membership import Membership
from commerce_events.bus.positions import Stand
from commerce_events.exceptions import OperatorError, TransientError

log = logging.getLogger(__name__)

At = tuple[str, int]


class Subscription:
    """A membership in the consumer group and the positions of its partitions.

    Arguments:
        start: ``earliest``, ``latest``, a time, or None: refuse to begin without a position.
        clock: the time of the rows that are written.
        replay: go back to ``start`` although there are positions. What was handled is recognised and not done again.
    """

    def __init__(
        self, settings: BusSettings, start: str | datetime | None, clock: Callable[[], datetime], replay: bool = False
    ) -> None:
        self.settings, self.clock, self.replay = settings, clock, replay
        self.topics = [settings.full_topic(topic) for topic in settings.topics]
        self.stands: dict[At, Stand] = {}
        self.assigned: set[At] = set()
        self.closed: set[At] = set()  # given to us, and halted
        self.wanted: list[At] = []  # assigned by the group, not yet by us: what they need could not be asked
        self.failure: Exception | None = None
        self._ids: dict[str, str] = {}
        self._holding = False
        self._checked = time.monotonic()
        self.admin: AdminClient = clients.admin(settings)
        self.membership = Membership()
        self.consumer: Consumer = clients.consumer(settings, self._trouble, self.membership.told)
        self.beginning = Beginning(self.consumer, settings.group, start, clock)

    # --------------------------------------------------------------------------------------------------- membership

    def subscribe(self) -> None:
        """Join the group.

        Raises:
            NoPositionError: nothing says where to begin.
            TransientError: the broker does not answer.
        """
        self.consumer.poll(0)  # who tries again for a day must not keep what the client tells each time
        self.refresh_ids()
        for topic in self.topics:
            found = kafka.partitions(self.consumer, topic)
            if not found:
                raise OperatorError(
                    f"topic {topic} does not exist",
                    hint="Create it with its partitions and retention: `commerce-events doctor --create-topics`, and "
                    "see that EVENT_BUS_TOPIC_PREFIX is the one the stores use.",
                )
            stands = positions.load(self.settings.group, [topic])
            self._vanished(stands)
            new = [partition for partition in found if (topic, partition) not in stands]
            offsets = {partition: self.beginning.offset(topic, partition, known=bool(stands)) for partition in new}
            with transaction.atomic():  # all or none: what has no position beside others was added to the topic
                for partition, offset in offsets.items():
                    positions.start(self.settings.group, topic, partition, offset, self._ids.get(topic, ""))
            if self.replay:
                self.beginning.again(stands)
        self.replay = False  # once, also if what follows has to be tried again
        self.consumer.subscribe(
            self.topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        self.membership.begin()

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Assign each partition at its position; one whose position cannot be told now waits, paused (``settle``)."""
        self.membership.begin()  # also with nothing to read
        given = [(p.topic, p.partition) for p in partitions]
        self.wanted += given
        ready = {}
        try:
            ready = {stand.at: stand.offset for stand in self._open(given)}
        except (TransientError, DatabaseError, InterfaceError) as error:
            log.warning("positions not known yet: %s", type(error).__name__)
        # Not from the end meanwhile, nor from any place that librdkafka must ask for: while the leader is away it asks
        # every half second, and an answer that comes after the seek of ``settle`` undoes it. Nothing is read from 0.
        self.consumer.incremental_assign([TopicPartition(*at, ready.get(at, 0)) for at in given])
        # A partition that was paused when it was taken from us comes back paused, and one that comes while we hold on
        # comes running: say it for each.
        runs = [at for at in given if at in ready and not self._holding]
        self._pause([at for at in given if at not in runs])
        self.consumer.resume([TopicPartition(*at) for at in runs])
        ours = len(self.assigned) + len(self.wanted)
        log.info("%d partitions are ours, %d of them given to us just now", ours, len(given))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {(p.topic, p.partition) for p in partitions}
        self.closed -= gone
        self.assigned -= gone
        self.wanted = [at for at in self.wanted if at not in gone]
        for at in gone:
            self.stands.pop(at, None)
        self.consumer.incremental_unassign(partitions)

    def settle(self) -> None:
        """Begin to read partitions that had to wait. To be called until it does not raise.

        Raises:
            TransientError, DatabaseError: broker or database away; the partitions stay paused.
        """
        late: dict[At, str] = {}
        for stand in self._open(list(self.wanted)):
            partition = TopicPartition(stand.topic, stand.partition, stand.offset)
            try:
                self.consumer.seek(partition)
            except KafkaException as error:  # its fetcher has not started yet
                self._anew(stand.at)
                late[stand.at] = error.args[0].str()
                continue
            if not self._holding:
                self.consumer.resume([partition])
        for (topic, number), why in late.items():
            raise TransientError(f"{topic}[{number}] cannot be read yet: {why}")

    def _open(self, at: Sequence[At]) -> list[Stand]:
        """The positions of these partitions, from now on ours to read; a halted one stays closed.

        All or none: a partition counts as ours only once its position is known, and then it is read from there.
        """
        if not at:
            return []
        stands = positions.load(self.settings.group, self.topics)
        found = []
        for each in at:
            topic_id = self._ids.get(each[0], "")
            known = any(topic == each[0] for topic, _ in stands)
            stand = stands.get(each) or self.beginning.first(*each, topic_id, known=known)
            if not stand.halted:
                log_ = kafka.log_of(self.consumer, *each, topic_id)
                if positions.gap(stand, log_):
                    self.refresh_ids()  # what looks like a log cut short may be a topic made anew since the last look
                    log_ = replace(log_, topic_id=self._ids.get(each[0], ""))
                    stand = positions.halt(self.settings.group, stand, log_, positions.gap(stand, log_), self.clock())
            found.append(stand)
        opened = []
        for each, stand in zip(at, found, strict=True):
            self.wanted.remove(each)
            if stand.halted:
                self.closed.add(each)
                self._alarm(stand)
                continue
            self.closed.discard(each)
            self.stands[each] = stand
            self.assigned.add(each)
            opened.append(stand)
        return opened

    def _anew(self, at: At) -> None:
        """Stop reading a partition until ``settle`` has found out where it stands."""
        self._pause([at])
        self.assigned.discard(at)
        if at not in self.wanted:
            self.wanted.append(at)

    def _vanished(self, stands: Mapping[At, Stand]) -> None:
        """Halt where a topic made anew has no partition any more: the group gives it to nobody, who could see it."""
        old = [stand for stand in stands.values() if positions.is_of_another(stand, self._ids.get(stand.topic, ""))]
        for topic in {stand.topic for stand in old if not stand.halted}:
            there = kafka.partitions(self.consumer, topic)
            for stand in old:
                if stand.topic == topic and there and stand.partition not in there and not stand.halted:
                    empty = kafka.Log(0, 0, self._ids[topic])
                    self._alarm(positions.halt(self.settings.group, stand, empty, "topic_recreated", self.clock()))

    def _alarm(self, stand: Stand) -> None:
        log.error(
            "ALARM gap: %s[%d] is halted at offset %d, other partitions go on: %s. Look at it with `commerce_gaps`, "
            "decide with `commerce_gaps --accept`.", stand.topic, stand.partition, stand.offset,
            positions.GAPS.get(stand.halted, stand.halted),
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------ reading

    def read(self, most: int, timeout: float) -> list[kafka.Record]:
        """Messages of our partitions, in order; broker errors are turned into log lines, gaps or exceptions.

        Raises:
            TransientError: worth waiting.
            OperatorError: nothing will change by waiting.
        """
        messages = []
        for message in kafka.take(self.consumer, most, timeout):
            error = message.error()
            if error is None:
                at = message.topic(), message.partition()
                if at in self.assigned and message.offset() >= self.stands[at].offset:
                    messages.append(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._out_of_range(message)
            elif error.fatal():
                raise OperatorError(
                    f"the Kafka client failed: {error.str()}", hint="Start again; the position is kept."
                )
            elif error.code() in _REFUSED:
                raise OperatorError(
                    f"the broker refuses: {error.str()}",
                    hint="Check the ACLs of this principal: read on the order topics and on the consumer group.",
                )
            else:
                log.warning("Kafka: %s", error.str())
        return messages

    def _trouble(self, error: KafkaError) -> None:
        """Nothing comes while every broker is away: have the next pause ask them, so that somebody says so."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._checked = float("-inf")

    def _out_of_range(self, message: kafka.Record) -> None:
        at = (message.topic(), message.partition())
        if at in self.stands:
            self._anew(at)  # settle finds out what happened and halts

    def hold(self) -> None:
        """Fetch nothing, neither from the partitions we have nor from those we get meanwhile; see :meth:`stay`."""
        self._holding = True
        self._pause(self.assigned)

    def stay(self, timeout: float) -> None:
        """Remain in the group while holding on. A message that comes nevertheless is read again later."""
        for message in self.read(1, timeout):
            self._anew((str(message.topic()), int(message.partition() or 0)))

    def release(self) -> None:
        """Fetch again."""
        self._holding = False
        self.consumer.resume([TopicPartition(*at) for at in self.assigned])

    def _pause(self, at: Iterable[At]) -> None:
        self.consumer.pause([TopicPartition(*each) for each in at])

    def moved(self, next_offsets: dict[At, int], lost: set[At]) -> None:
        """The database holds everything below these offsets: remember it, and hint it to Kafka."""
        hints = []
        for at, offset in next_offsets.items():
            stand = self.stands.get(at)
            if stand is None or at in lost:
                continue
            self.stands[at] = Stand(stand.id, stand.topic, stand.partition, offset, stand.topic_id)
            hints.append(TopicPartition(*at, offset))
        self._follow(lost & self.assigned)
        if hints:
            try:
                self.consumer.commit(offsets=hints, asynchronous=True)
            except KafkaException as error:  # a hint only; the next one says more
                log.info("offsets not committed: %s", error.args[0].str())

    def _follow(self, at: Iterable[At]) -> None:
        for each in at:
            log.warning("%s[%d] was moved by another process: reading on at its position", *each)
            self._anew(each)

    def check(self, every: float) -> bool:
        """Ask now and then whether topics and positions are still those from which we read on; True if one was moved.

        Who restores the database moves every position back, also that of a partition in which nothing new comes. Who
        has no partition asks each time whether that is in order.

        Raises:
            TransientError, DatabaseError: broker or database away; or the group does not let us in.
        """
        moved = time.monotonic() - self._checked >= every and self._look()
        if not (self.assigned or self.wanted or self.stuck()):
            self.membership.check(self.settings.group)
        return moved

    def _look(self) -> bool:
        stands = positions.load(self.settings.group, self.topics)
        self.refresh_ids()
        self._vanished(stands)
        for at, stand in list(self.stands.items()):
            if positions.is_of_another(stand, self._ids.get(stand.topic, "")):
                self._anew(at)
        moved = [at for at in self.assigned if at not in stands or stands[at].offset != self.stands[at].offset]
        self._follow(moved)
        return bool(moved)

    def refresh_ids(self) -> None:
        """Ask the broker for the topics' ids."""
        self._ids = kafka.topic_ids(self.admin, self.topics, self.settings.registry_url)
        self._checked = time.monotonic()

    def at_end(self) -> bool:
        """Every partition that we read has been read to its end."""
        if self.wanted or not self.assigned:
            return False
        try:
            ends = kafka.ends(self.admin, self.assigned)
            return all(self.stands[at].offset >= end for at, end in ends.items())
        except TransientError:
            return False

    def stuck(self) -> list[str]:
        """What would be ours to read, and is not read before somebody acts."""
        gone = [f"{topic} (deleted)" for topic in self.topics if topic not in self._ids]
        return gone + [f"{topic}[{partition}]" for topic, partition in self.closed]

    def halted(self) -> list[Stand]:
        """Partitions of this group that wait for an operator."""
        return [stand for stand in positions.load(self.settings.group, self.topics).values() if stand.halted]

    def close(self) -> bool:
        """Leave the group; False if librdkafka would not in time."""
        return closing.close(self.consumer)


_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED,
}  # fmt: skip
