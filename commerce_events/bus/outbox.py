"""Writing and reading the messages that wait to be published.

All messages of one transaction share a batch; the relay deletes the batch's row when the broker has acknowledged each
of them. So sending costs one small row per transaction and no update of any message (ADR 0006).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from commerce_events import identity, topics, wire
from commerce_events.bus import sql
from commerce_events.bus.types import Message, Stream
from commerce_events.models import Outbox, OutboxBatch

COLUMNS = (
    "batch_id", "stream_id", "message_id", "event_type", "sequence", "slot", "topic", "key", "headers", "body",
    "created_at",
)  # fmt: skip
READ = ("id", "batch_id", "message_id", "event_type", "sequence", "topic", "key", "headers", "body", "created_at")


@dataclass(slots=True)
class Pending:
    """A message on its way to Kafka."""

    id: int
    batch_id: int
    message_id: UUID
    event_type: str
    sequence: int
    topic: str
    key: str
    headers: str
    body: bytes
    created_at: datetime


def write(messages: Sequence[tuple[Stream, Message]], now: datetime) -> int | None:
    """Insert messages in the caller's transaction, after the stream rows were locked. Returns the batch's id."""
    if not messages:
        return None
    batch: int = OutboxBatch.objects.create(created_at=now).pk
    rows = []
    for stream, message in messages:
        rows.append((
            batch, stream.id, message.message_id, message.event_type, message.sequence,
            identity.text_digest(message.slot), topics.EVENT_TYPES[message.event_type].topic, stream.key, "",
            wire.encode(message.event_type, message.data), now,
        ))  # fmt: skip
    sql.insert(Outbox, COLUMNS, rows)
    return batch


def batches(limit: int) -> list[int]:
    """The oldest batches that were not sent, in the order in which they must be."""
    return list(OutboxBatch.objects.order_by("pk").values_list("pk", flat=True)[:limit])


def messages(batch_ids: Iterable[int]) -> list[Pending]:
    """The messages of these batches, in the order in which they must be sent."""
    rows = [Pending(*row) for row in sql.select(Outbox, READ, "batch_id", batch_ids)]
    rows.sort(key=lambda row: (row.batch_id, row.sequence, row.id))
    return rows


def sent(batch_ids: Iterable[int]) -> None:
    """Every message of these batches was acknowledged by the broker."""
    OutboxBatch.objects.filter(pk__in=list(batch_ids)).delete()


def current(stream_ids: Iterable[int]) -> dict[int, list[Pending]]:
    """The current message of each slot of each stream: the highest sequence, ascending."""
    newest: dict[tuple[int, bytes], Pending] = {}
    for stream_id, slot, *row in sql.select(Outbox, ("stream_id", "slot", *READ), "stream_id", stream_ids):
        message = Pending(*row)
        known = newest.get((stream_id, slot))
        if known is None or message.sequence > known.sequence:
            newest[stream_id, slot] = message
    found: dict[int, list[Pending]] = {}
    for (stream_id, _), message in newest.items():
        found.setdefault(stream_id, []).append(message)
    for listed in found.values():
        listed.sort(key=lambda message: message.sequence)
    return found
