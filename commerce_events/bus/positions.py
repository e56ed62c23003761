"""How far each partition was read: the database is the authority, Kafka's committed offset only a hint (D1).

Everything that can go wrong with a log under our feet is decided here, from plain facts: where the database stands,
what Kafka has committed, which offsets the partition still holds, and which topic answers to the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from commerce_events.bus import sql
from commerce_events.bus.kafka import Log
from commerce_events.identity import text_digest
from commerce_events.models import Gap, Position

#: Reasons of a gap, and what the operator reads about it.
GAPS = {
    "topic_recreated": "the topic was deleted and made again under its name: offsets no longer mean what they meant",
    "offsets_expired": "the next messages to read were deleted by the topic's retention before they were read",
    "log_truncated": "the partition ends before the position: messages that were read have vanished from the log",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """Where this group stands in one partition (a row of ``Position``)."""

    id: int
    topic: str
    partition: int
    offset: int
    topic_id: str = ""
    halted: str = ""

    @property
    def at(self) -> tuple[str, int]:
        return self.topic, self.partition


def digest(group: str, topic: str, partition: int) -> bytes:
    """The identity of a position."""
    return text_digest(group, topic, str(partition))


def load(group: str, topics: Iterable[str]) -> dict[tuple[str, int], Stand]:
    """Every position of the group in these topics."""
    rows = Position.objects.filter(group=group, topic__in=list(topics))
    return {
        (row.topic, row.partition): Stand(row.pk, row.topic, row.partition, row.offset, row.topic_id, row.halted)
        for row in rows
        if bytes(row.digest) == digest(group, row.topic, row.partition)
    }


def start(group: str, topic: str, partition: int, offset: int, topic_id: str) -> Stand:
    """Write the first position of a partition; another process may have been faster, then its word stands."""
    identity = digest(group, topic, partition)
    try:
        with transaction.atomic():
            row = Position.objects.create(
                digest=identity, group=group, topic=topic, partition=partition, offset=offset, topic_id=topic_id
            )
    except IntegrityError:
        row = Position.objects.get(digest=identity)
    return Stand(row.pk, topic, partition, row.offset, row.topic_id, row.halted)


def advance(stand: Stand, offset: int, now: datetime) -> bool:
    """Move one position, if it still stands where we think it does. False: another process, or a restore, moved it."""
    moved = Position.objects.filter(pk=stand.id, offset=stand.offset, topic_id=stand.topic_id, halted="").update(
        offset=offset, updated_at=now
    )
    return bool(moved)


#: Columns of a position that move with every batch.
ADVANCED = ("offset", "updated_at")


def locked(stands: Mapping[tuple[str, int], Stand], offsets: Mapping[tuple[str, int], int]) -> sql.Query:
    """The question that :func:`advance_all` wants answered: where the partitions of a batch stand, locked."""
    wanted = sorted(stands[at].id for at in offsets)
    return sql.Query(Position, ("id", "offset", "topic_id", "halted"), "id", wanted, lock=True)


def advance_all(
    stands: Mapping[tuple[str, int], Stand],
    offsets: Mapping[tuple[str, int], int],
    rows: Iterable[tuple[Any, ...]],
    now: datetime,
) -> tuple[set[tuple[str, int]], list[tuple[int, int, datetime]]]:
    """As :func:`advance`, for all partitions of a batch at once.

    Returns:
        The partitions that somebody else moved, and the rows of ``ADVANCED`` to write at the end.
    """
    wanted = {stands[at].id: stands[at] for at in offsets}
    there = {row[0]: row[1:] for row in rows}
    ours = {i: s for i, s in wanted.items() if there.get(i) == (s.offset, s.topic_id, "")}
    moved = [(i, offsets[ours[i].at], now) for i in sorted(ours)]
    return {stand.at for i, stand in wanted.items() if i not in ours}, moved


def gap(stand: Stand, log: Log) -> str:
    """Why reading on at this position would pass over something silently; '' if it would not."""
    if is_of_another(stand, log.topic_id):
        return "topic_recreated"
    if stand.offset < log.low:
        return "offsets_expired"
    if stand.offset > log.high:
        return "log_truncated"
    return ""


def is_of_another(stand: Stand, topic_id: str) -> bool:
    """Whether this position means offsets of a topic that was deleted; not where one of both ids is not known."""
    return bool(stand.topic_id and topic_id and stand.topic_id != topic_id)


def halt(group: str, stand: Stand, log: Log, reason: str, now: datetime) -> Stand:
    """Record a gap and stop the partition until an operator accepts it."""
    with transaction.atomic():
        if Position.objects.filter(pk=stand.id, halted="").update(halted=reason, updated_at=now):
            Gap.objects.create(
                group=group, topic=stand.topic, partition=stand.partition, reason=reason, from_offset=stand.offset,
                to_offset=log.low if reason != "log_truncated" else log.high,
                old_topic_id=stand.topic_id, new_topic_id=log.topic_id, detected_at=now,
            )  # fmt: skip
    return replace(stand, halted=reason)


def accept(gap_row: Gap, log: Log, offset: int, by: str, now: datetime) -> None:
    """Read on behind a gap: an operator's decision, written on the gap's row.

    Arguments:
        offset: where to read on; ``log.low`` reads all that the partition still holds (duplicates do nothing).
    """
    identity = digest(gap_row.group, gap_row.topic, gap_row.partition)
    with transaction.atomic():
        Position.objects.filter(digest=identity).update(offset=offset, topic_id=log.topic_id, halted="", updated_at=now)
        gap_row.to_offset, gap_row.resolved_at, gap_row.resolution = offset, now, f"read on at {offset}, by {by}"
        gap_row.save(update_fields=["to_offset", "resolved_at", "resolution"])


def forget(gap_row: Gap, by: str, now: datetime) -> None:
    """Behind a gap there is no partition any more: an operator's decision. One that is added later begins anew."""
    identity = digest(gap_row.group, gap_row.topic, gap_row.partition)
    with transaction.atomic():
        Position.objects.filter(digest=identity).delete()
        gap_row.resolved_at, gap_row.resolution = now, f"no partition any more, accepted by {by}"
        gap_row.save(update_fields=["resolved_at", "resolution"])


def ahead(committed: Mapping[tuple[str, int], int], stands: Mapping[tuple[str, int], Stand]) -> dict[str, int]:
    """Partitions whose committed offset is above the position: this database was restored from a backup.

    The offset is committed after the database, so it can only be behind – unless the database went back in time.
    A halted partition, or one of a topic made anew, says nothing.
    """
    return {
        f"{topic}[{partition}]": offset
        for (topic, partition), offset in sorted(committed.items())
        if offset >= 0 and (stand := stands.get((topic, partition))) and not stand.halted and offset > stand.offset
    }
