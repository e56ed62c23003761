"""Writing the inbox by hand: internal events, which come from our own code and not from Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction

from commerce_events import identity, topics
from commerce_events.bus import ids, sql
from commerce_events.bus.clock import utc_now
from commerce_events.bus.types import INTERNAL, FollowUp
from commerce_events.models import Inbox, Stream


def enqueue(event_type: str, key: str, data: Mapping[str, Any], due_at: datetime | None = None) -> None:
    """Have an internal event handled, at once or at ``due_at``, in the stream of ``key`` (an order key, mostly).

    One row, in the caller's transaction; never published. The digest includes a random number: two equal internal
    events are two events.
    """
    write([(stream_of(key), FollowUp(event_type, key, dict(data), due_at))], utc_now())


def stream_of(key: str) -> int:
    """The id of the stream of ``key`` on the order topic, made if it is new."""
    digest = identity.stream_digest(topics.ORDER_TOPIC, key)
    found = Stream.objects.filter(digest=digest).values_list("id", flat=True).first()
    if found is not None:
        return int(found)
    try:
        with transaction.atomic():
            fresh = ids.STREAMS.take(1)[0]
            Stream.objects.create(id=fresh, digest=digest, topic=topics.ORDER_TOPIC, key=key)
            return fresh
    except IntegrityError:
        return int(Stream.objects.values_list("id", flat=True).get(digest=digest))


def lock(key: str) -> None:
    """Take the stream of ``key`` on the order topic for the caller's transaction; it is made if it is new."""
    digest = identity.stream_digest(topics.ORDER_TOPIC, key)
    if not sql.select(Stream, ("id",), "digest", [digest], lock=True):
        fresh = Stream(id=ids.STREAMS.take(1)[0], digest=digest, topic=topics.ORDER_TOPIC, key=key)
        Stream.objects.bulk_create([fresh], ignore_conflicts=True)
        sql.select(Stream, ("id",), "digest", [digest], lock=True)  # it may be somebody else's by now


def write(follow_ups: list[tuple[int, FollowUp]], now: datetime) -> None:
    """Insert internal events whose streams are known."""
    rows = []
    for stream_id, event in follow_ups:
        if not event.event_type.startswith(INTERNAL):
            raise ValueError(f"{event.event_type} is not an internal event type: its name must start with {INTERNAL}")
        rows.append(
            Inbox(
                digest=identity.text_digest(event.event_type, event.key, uuid.uuid4().hex),
                stream_id=stream_id,
                event_type=event.event_type,
                due_at=event.due_at or now,
                payload=orjson.dumps(event.data).decode(),
                received_at=now,
            )
        )
    Inbox.objects.bulk_create(rows, batch_size=500)
