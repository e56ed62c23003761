"""Writing and reading the messages that wait to be published.

All messages of one transaction share a batch; the relay deletes the batch's row when the broker has acknowledged each
of them (ADR 0006). The messages themselves are packed into *parcels*, some dozens to a row, because a row of its own
for each would cost more than everything else about it (ADR 0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import Struct

import orjson

from commerce_events import topics, wire
from commerce_events.bus import sql
from commerce_events.bus.types import Message, Stream
from commerce_events.models import Inbox, Outbox, OutboxBatch

COLUMNS = ("id", "batch_id", "messages", "created_at")
#: A parcel is closed at this many bytes; a message is never cut.
PARCEL = 16 * 1024
#: Most parcels of one batch, a gigabyte of messages or more; the lower digits of their ids.
PARCELS = 1 << 16
_SIZES = Struct(">II")  # of a message's head and body


@dataclass(slots=True)
class Pending:
    """A message on its way to Kafka. ``slot`` names the fact it is the word on; its highest sequence is current.

    ``topic`` is without the prefix; ``headers`` and ``body`` are as :func:`pack` has them.
    """

    batch_id: int
    stream_id: int
    message_id: str
    event_type: str
    sequence: int
    slot: str
    topic: str
    key: str
    headers: str
    body: bytes
    created_at: datetime


def write(told: Sequence[tuple[Stream, Sequence[Message]]], now: datetime) -> list[int | None]:
    """Insert messages in the caller's transaction, after the stream rows were locked.

    Arguments:
        told: the stream and the messages of each event, which stay together in one parcel.

    Returns:
        For each event the id of its messages' parcel; None for an event without any.

    Raises:
        ContractError: a message does not fit its schema; the transaction is to be rolled back.
    """
    count = sum(len(messages) for _, messages in told)
    if not count:
        return [None] * len(told)
    batch = sql.insert_one(OutboxBatch, ("messages", "created_at"), (count, now))
    rows: list[tuple[int, int, bytes, datetime]] = []
    places: list[int | None] = []
    parcel, size, number = [], 0, batch * PARCELS
    for stream, messages in told:
        for message in messages:
            known = topics.EVENT_TYPES[message.event_type]
            packed = pack(
                stream.id, message.event_type, message.message_id, message.sequence, message.slot, known.topic,
                stream.key, "", wire.encode(message.event_type, message.data),
            )  # fmt: skip
            parcel.append(packed)
            size += len(packed)
        places.append(number if messages else None)
        if size >= PARCEL:
            rows.append((number, batch, b"".join(parcel), now))
            parcel, size, number = [], 0, number + 1
    if parcel:
        rows.append((number, batch, b"".join(parcel), now))
    sql.insert(Outbox, COLUMNS, rows)
    return places


def write_packed(packed: Sequence[bytes], now: datetime) -> int:
    """Insert packed messages as one batch; the batch's id."""
    return sql.insert_owned(
        OutboxBatch, (("messages", "created_at"), (len(packed), now)),
        Outbox, (COLUMNS, (b"".join(packed), now)), multiples=(PARCELS, 1),
    )  # fmt: skip


def again(batch_id: int) -> bool:
    """Have a batch sent once more, under the old ids of its messages; False where it is no longer kept."""
    found = messages([batch_id])
    if not found:
        return False
    known = {"messages": len(found), "created_at": found[0].created_at}
    OutboxBatch.objects.get_or_create(pk=batch_id, defaults=known)  # where it waits still, it is sent in any case
    return True


def pack(
    stream_id: int, event_type: str, message_id: str, sequence: int, slot: str, topic: str, key: str, headers: str,
    body: bytes,
) -> bytes:  # fmt: skip
    """One message as it lies in its parcel. ``body`` is Avro without the registry's framing; ``headers`` is JSON, empty
    where they can be made from the rest.
    """
    head = orjson.dumps((stream_id, message_id, event_type, sequence, slot, topic, key, headers))
    return b"".join((_SIZES.pack(len(head), len(body)), head, body))


def unpack(batch_id: int, messages: bytes, created_at: datetime) -> Iterator[Pending]:
    """The messages of a parcel, in the order in which they must be sent."""
    at, end = 0, len(messages)
    while at < end:
        head, body = _SIZES.unpack_from(messages, at)
        at += _SIZES.size
        stream, message_id, event_type, sequence, slot, topic, key, headers = orjson.loads(messages[at : at + head])
        at += head
        yield Pending(
            batch_id, stream, message_id, event_type, sequence, slot, topic, key, headers, messages[at : at + body],
            created_at,
        )  # fmt: skip
        at += body


def batches(most: int) -> list[int]:
    """The oldest batches that were not sent, in their order: one, or as many as ``most`` messages allow."""
    found: list[int] = []
    for batch, count in OutboxBatch.objects.order_by("pk").values_list("pk", "messages")[:most]:
        most -= count
        if found and most < 0:
            break
        found.append(batch)
    return found


def messages(batch_ids: Iterable[int]) -> list[Pending]:
    """The messages of these batches, in the order in which they must be sent."""
    rows = sorted(sql.select(Outbox, COLUMNS, "batch_id", batch_ids))
    return [message for _, *row in rows for message in unpack(*row)]


def sent(batch_ids: Iterable[int]) -> None:
    """Every message of these batches was acknowledged by the broker."""
    sql.delete(OutboxBatch, sorted(batch_ids))


def current(stream_ids: Iterable[int]) -> dict[int, list[Pending]]:
    """The current message of each slot, by stream id: the one of the highest sequence, in ascending order.

    Sent or not: retention spares them.
    """
    wanted = set(stream_ids)
    told = sql.select(Inbox, ("parcels",), "stream_id", sorted(wanted), extra="parcels <> ''")
    parcels = {int(parcel) for (listed,) in told for parcel in listed.split()}
    newest: dict[tuple[int, str], Pending] = {}
    for _, *row in sql.select(Outbox, COLUMNS, "id", sorted(parcels)):
        for message in unpack(*row):
            if message.stream_id in wanted:
                known = newest.get((message.stream_id, message.slot))
                if known is None or message.sequence > known.sequence:
                    newest[message.stream_id, message.slot] = message
    found: dict[int, list[Pending]] = {}
    for (stream_id, _), message in newest.items():
        found.setdefault(stream_id, []).append(message)
    for listed in found.values():
        listed.sort(key=lambda message: message.sequence)
    return found
