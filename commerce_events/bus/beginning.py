"""Where a group begins to read a partition that has no position, and how it begins again.

The operator says where: a new group does not guess, because the wrong guess loses orders or repeats years of them.
Only a partition that was added to a topic whose others are known needs no word: nobody can have read it, it begins at
its beginning, and if messages have been deleted there already, that is a gap.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from confluent_kafka import Consumer

from commerce_events.bus import kafka, positions
from commerce_events.bus.positions import Stand
from commerce_events.exceptions import OperatorError

#: What ``--from`` understands besides a time.
BEGIN = ("earliest", "latest")


class NoPositionError(OperatorError):
    """A group without a position: where to begin is the operator's decision."""


class Beginning:
    """First positions of a group.

    Arguments:
        start: ``earliest``, ``latest``, a time, or None: refuse to begin without a position.
        clock: the time of the rows that are written.
    """

    def __init__(
        self, consumer: Consumer, group: str, start: str | datetime | None, clock: Callable[[], datetime]
    ) -> None:
        self.consumer, self.group, self.start, self.clock = consumer, group, start, clock

    def first(self, topic: str, partition: int, topic_id: str, *, known: bool) -> Stand:
        """Write the first position of a partition. Arguments and errors as :meth:`offset`."""
        return positions.start(self.group, topic, partition, self.offset(topic, partition, known=known), topic_id)

    def offset(self, topic: str, partition: int, *, known: bool) -> int:
        """Where to begin to read a partition.

        Arguments:
            known: other partitions of the topic have positions.

        Raises:
            NoPositionError: nobody said where to begin.
        """
        if known:
            return 0
        if self.start is None:
            raise NoPositionError(
                f"group {self.group} has no position in {topic}: where should it begin?",
                hint="Say it once: --from earliest (every order still on the topic), --from latest (only new ones), or "
                "--from 2026-01-31T00:00:00Z.",
            )
        return self._offset(topic, partition)

    def again(self, stands: Mapping[tuple[str, int], Stand]) -> None:
        """Go back to ``start``: in Kafka first, since a committed offset ahead of the position looks like a restore.

        Raises:
            OperatorError: the group has other members; only they could.
        """
        back = {stand.at: offset for stand in stands.values() if (offset := self._offset(*stand.at)) < stand.offset}
        if back:
            kafka.commit(self.consumer, back)
        for at, offset in back.items():
            positions.advance(stands[at], offset, self.clock())

    def _offset(self, topic: str, partition: int) -> int:
        if isinstance(self.start, datetime):
            return kafka.offset_at(self.consumer, topic, partition, self.start)
        log = kafka.log_of(self.consumer, topic, partition, "")
        return log.high if self.start == "latest" else log.low
