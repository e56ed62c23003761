"""What is kept no longer than it is needed: payloads, parcels, and the bytes of dead letters.

What the promises rest on stays for ever. An event keeps its row and its digest, by which a copy is recognised, and the
record of its decision; a message stays as long as it is the current one on its fact, because a store may ask for it
again. An event that is still to be handled, or that waits for a person, keeps everything; so does an open dead letter.

Each function works through one table by the primary key, a chunk in a transaction, and says after each how far it got.
It can be stopped at any point and begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import models, transaction
from django.db.models import Max, Min, Q
from django.db.models.functions import Coalesce

from commerce_events.bus import outbox
from commerce_events.bus.types import INTERNAL
from commerce_events.models import DeadLetter, Inbox, Outbox, OutboxBatch

#: Primary keys looked at in one transaction. A parcel holds some dozens of messages, a dead letter up to a megabyte.
CHUNKS = {Inbox: 2000, Outbox: 200, DeadLetter: 200}


#: Events that nothing is to be done about.
_DONE = (Inbox.State.HANDLED, Inbox.State.DISCARDED, Inbox.State.SHADOW)


@dataclass(frozen=True, slots=True)
class Step:
    """How far a table was worked through, from 0 to 1, and how many of its rows were touched since the last step."""

    done: float
    rows: int


def chunks(model: type[models.Model], size: int) -> Iterator[tuple[int, int, float]]:
    """The table by its primary key: from, up to, and how far that is. Keys may have holes, even large ones."""
    rows = model._default_manager.all()
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    at, last = ends["first"], ends["last"]
    total = max(rows.count(), 1) if at is not None else 1
    seen = 0
    while at is not None and at <= last:
        keys = list(rows.filter(pk__gte=at, pk__lte=last).order_by("pk").values_list("pk", flat=True)[:size])
        if not keys:
            return
        seen += len(keys)
        yield keys[0], keys[-1], min(seen / total, 1.0)
        at = keys[-1] + 1


def payloads(before: datetime, is_dry: bool) -> Iterator[Step]:
    """Empty the payloads of events that were handled before; drop internal events that nothing speaks of any more."""
    handled = Inbox.objects.filter(state__in=_DONE, due_at=None)
    old = handled.annotate(since=Coalesce("handled_at", "received_at")).filter(since__lt=before)
    for first, last, done in chunks(Inbox, CHUNKS[Inbox]):
        here = old.filter(pk__range=(first, last))
        received = here.exclude(event_type__startswith=INTERNAL).exclude(payload="")
        internal = here.filter(event_type__startswith=INTERNAL)
        traceless = Q(decision="", parcels="")
        with transaction.atomic():
            empty = list(received.values_list("pk", flat=True))
            gone = list(internal.filter(traceless).values_list("pk", flat=True))
            rows = len(empty) + len(gone) + _plain(internal.exclude(traceless), is_dry)
            if not is_dry:
                Inbox.objects.filter(pk__in=empty).update(payload="")
                Inbox.objects.filter(pk__in=gone).delete()
        yield Step(done, rows)


def _plain(internal: Any, is_dry: bool) -> int:
    """Internal events keep who asked for what, for the journey of an order; an order that came along goes."""
    rows = 0
    for pk, payload in internal.filter(payload__contains=":{").values_list("pk", "payload"):
        data = {name: value for name, value in orjson.loads(payload).items() if not isinstance(value, dict)}
        rows += 1
        if not is_dry:
            Inbox.objects.filter(pk=pk).update(payload=orjson.dumps(data).decode())
    return rows


def parcels(before: datetime, is_dry: bool) -> Iterator[Step]:
    """Delete parcels that were sent before, and in which no message is the current one on anything."""
    for first, last, done in chunks(Outbox, CHUNKS[Outbox]):
        with transaction.atomic():
            rows = list(
                Outbox.objects.filter(pk__range=(first, last), created_at__lt=before)
                .exclude(batch_id__in=OutboxBatch.objects.values("pk"))
                .values_list("pk", "batch_id", "messages", "created_at")
            )
            held = {pk: list(outbox.unpack(batch, bytes(messages), at)) for pk, batch, messages, at in rows}
            streams = {message.stream_id for messages in held.values() for message in messages if message.stream_id}
            current = {
                (stream, message.slot): message.sequence
                for stream, messages in outbox.current(streams).items()
                for message in messages
            }
            stale = [
                pk for pk, messages in held.items()
                if not any(current.get((m.stream_id, m.slot), -1) <= m.sequence for m in messages if m.stream_id)
            ]  # fmt: skip
            if not is_dry:
                Outbox.objects.filter(pk__in=stale).delete()
        yield Step(done, len(stale))


def letters(before: datetime, is_dry: bool) -> Iterator[Step]:
    """Empty dead letters that were settled before: where each was read and why it was none is kept."""
    settled = DeadLetter.objects.exclude(state=DeadLetter.State.OPEN).exclude(value=None, key=None, headers="")
    old = settled.annotate(since=Coalesce("resolved_at", "received_at")).filter(since__lt=before)
    for first, last, done in chunks(DeadLetter, CHUNKS[DeadLetter]):
        with transaction.atomic():
            keys = list(old.filter(pk__range=(first, last)).values_list("pk", flat=True))
            if not is_dry:
                DeadLetter.objects.filter(pk__in=keys).update(value=None, key=None, headers="")
        yield Step(done, len(keys))


#: What is worked through, by what it is called.
EVERYTHING: dict[str, Callable[[datetime, bool], Iterator[Step]]] = {
    "payloads": payloads, "parcels": parcels, "letters": letters,
}  # fmt: skip
