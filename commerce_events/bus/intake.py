"""The first stage: a batch from Kafka becomes inbox rows – or, where nothing stands in the way, effects at once.

One transaction moves the positions, filters what is known, writes the rest. On the **straight path** it also decides:
when a handler works in bulk and a stream has nothing waiting, its events are handled here and inserted as handled,
which saves a second commit and an update of every row (ADR 0007). Whatever cannot go straight is inserted as pending,
and whatever makes the straight path fail falls back to that for the whole batch. Nothing is ever lost by falling back.

Rows are inserted without conflict clauses. If another process inserted one of them in the meantime, the transaction is
rolled back and decided again on what is there now (ADR 0008).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from django.db import transaction

from commerce_events.bus import effects, ids, positions, script, sql
from commerce_events.bus import inbox as internal
from commerce_events.bus.breaker import Breaker
from commerce_events.bus.codec import Poison, Received
from commerce_events.bus.failures import is_conflict, is_outage, summary
from commerce_events.bus.sources import Sources, source_of
from commerce_events.bus.types import REJECTED, Again, Context, Event, FollowUp, Handler, Outcome, Stream
from commerce_events.models import DeadLetter, Inbox, Position, Resend
from commerce_events.models import Stream as StreamRow
from commerce_events.topics import EVENT_TYPES, ORDER_TOPIC

log = logging.getLogger(__name__)

COLUMNS = (
    "digest", "stream_id", "event_type", "state", "due_at", "attempts", "reason", "payload", "headers", "topic",
    "partition", "offset", "received_at", "handled_at", "decision", "parcels",
)  # fmt: skip
DEAD = ("topic", "partition", "offset", "reason", "detail", "key", "value", "headers", "received_at", "state")
RECEIVED = ("digest", "stream_id", "received_at")
TRIES = 4
LONGEST_KEY = 255

At = tuple[str, int]


@dataclass
class Batch:
    """What one call of ``consume`` brought: events, poison, and the next offset of each partition."""

    events: list[Received] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
    next_offsets: dict[At, int] = field(default_factory=dict)

    def drop(self, at: At) -> None:
        """Forget a partition that is no longer ours."""
        self.events = [event for event in self.events if (event.topic, event.partition) != at]
        self.poison = [poison for poison in self.poison if (poison.topic, poison.partition) != at]
        self.next_offsets.pop(at, None)


@dataclass
class Stored:
    """What became of a batch. ``lost`` partitions were moved by somebody else: seek to the database's position."""

    lost: set[At] = field(default_factory=set)
    handled: int = 0
    pending: int = 0
    duplicates: int = 0
    dead: int = 0
    messages: bool = False  # for the relay


class Intake:
    """Stores batches. ``resend`` is off during a replay; a duplicate asks for a resend when the event is
    ``resend_after`` seconds old, and a stream is resent at most every ``resend_every`` seconds (R1).
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        straight: bool = True,
        resend: bool = True,
        resend_after: float = 30,
        resend_every: float = 60,
        breaker: Breaker | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.handlers = handlers
        self.breaker, self.sources = breaker or Breaker(), sources or Sources()
        self.straight, self.resend = straight, resend
        self.resend_after, self.resend_every = timedelta(seconds=resend_after), timedelta(seconds=resend_every)

    def store(self, batch: Batch, stands: Mapping[At, positions.Stand], context: Context) -> Stored:
        """Write a batch in one transaction.

        Raises:
            OperationalError: the database is away or refuses; nothing was written, the same batch can be tried again.
        """
        straight, left = self.straight and not self.breaker.is_open, TRIES
        while True:
            context = effects.next_try(context)
            # keys are taken outside of the transaction, see ids.py
            keys = ids.STREAMS.take(len({event.stream_digest for event in batch.events}))
            try:
                with transaction.atomic(), script.gathered():
                    stored = _Attempt(self, batch, stands, context, keys).run(straight and left > 1)
            except Exception as error:
                if is_conflict(error):
                    left -= 1
                    if not left:
                        raise
                    continue
                if is_outage(error):
                    raise
                if isinstance(error, Again) and effects.is_news(context, error):
                    context = effects.next_try(context, error)
                    continue
                # The rules or a gateway failed on some event. Stored as pending, the handle stage finds out which one
                # it is and records the failure on its row.
                if not straight:
                    raise
                straight = False
                log.warning("straight path left for a batch of %d: %s", len(batch.events), summary(error))
            else:
                self.breaker.succeeded(stored.handled, context.now)
                return stored


class _Attempt:
    """One try to store one batch; thrown away with its transaction."""

    def __init__(
        self, intake: Intake, batch: Batch, stands: Mapping[At, positions.Stand], context: Context, keys: Sequence[int]
    ) -> None:
        self.intake, self.batch, self.stands, self.context = intake, batch, stands, context
        self.now = context.now
        self.keys = iter(keys)
        self.new: dict[bytes, Stream] = {}
        self.stored = Stored()

    def run(self, straight: bool) -> Stored:
        stands, known, streams = sql.selects(
            positions.locked(self.stands, self.batch.next_offsets),
            sql.Query(Inbox, RECEIVED, "digest", list({event.digest for event in self.batch.events})),
            sql.Query(StreamRow, effects.STREAM, "digest", list({event.stream_digest for event in self.batch.events})),
        )
        self.stored.lost, moved = positions.advance_all(self.stands, self.batch.next_offsets, stands, self.now)
        received = self._unknown([event for event in self.batch.events if self._ours(event)], known)
        stored = self._store(received, self._streams(received, streams), straight)
        sql.update(Position, positions.ADVANCED, moved)
        effects.finish(self.context)
        return stored

    def _store(self, received: list[Received], streams: dict[bytes, Stream], straight: bool) -> Stored:
        ready = self._claim(received, streams) if straight else set()
        events = [
            Event(r.event_type, r.data, streams[r.stream_digest], r.digest, received_at=self.now, headers=r.headers)
            for r in received
        ]
        direct = [event for event in events if event.stream.digest in ready]
        outcomes = effects.decide(direct, self.intake.handlers, self.context) if direct else []
        parcels = effects.write(outcomes, self.new.values(), self.context)
        self.stored.messages = bool(parcels)
        self._insert(received, events, {id(event): outcome for event, outcome in outcomes}, parcels)
        self._set_aside([poison for poison in self.batch.poison if self._ours(poison)])
        return self.stored

    def _ours(self, message: Received | Poison) -> bool:
        return (message.topic, message.partition) not in self.stored.lost

    def _unknown(self, events: list[Received], rows: list[tuple[Any, ...]]) -> list[Received]:
        """The events that were never received before; a late duplicate asks for its results again (R1)."""
        seen = {row[0] for row in rows}
        unknown = []
        for event in events:
            if event.digest not in seen:
                seen.add(event.digest)
                unknown.append(event)
        self.stored.duplicates = len(events) - len(unknown)
        late = {stream_id for _, stream_id, at in rows if self.now - at > self.intake.resend_after}
        if late and self.intake.resend:
            recent = Resend.objects.filter(stream_id__in=late, requested_at__gt=self.now - self.intake.resend_every)
            late -= set(recent.values_list("stream_id", flat=True))
            Resend.objects.bulk_create([Resend(stream_id=i, requested_at=self.now) for i in sorted(late)])
            # nobody was told what became of it in shadow mode, which may be over
            again = [digest for digest, stream_id, _ in rows if stream_id in late]
            shadows = Inbox.objects.filter(digest__in=again, state=Inbox.State.SHADOW)
            shadows.update(state=Inbox.State.PENDING, due_at=self.now)
        return unknown

    def _streams(self, events: Sequence[Received], rows: list[tuple[Any, ...]]) -> dict[bytes, Stream]:
        """The stream of each event, by digest; one that is new has a key and no row yet."""
        streams = {row[1]: Stream(*row) for row in rows}
        for event in events:
            if event.stream_digest not in streams:
                topic = ORDER_TOPIC if event.event_type in EVENT_TYPES else event.topic
                stream = Stream(next(self.keys), event.stream_digest, event.key, topic=topic)
                streams[event.stream_digest] = self.new[event.stream_digest] = stream
        return streams

    def _claim(self, events: Sequence[Received], streams: dict[bytes, Stream]) -> set[bytes]:
        """Lock what can be decided here and now; returns the digests of those streams.

        Left to the handle stage are streams that it holds at this moment, streams with events still waiting, events
        whose handler takes one order at a time, and those of stores that must wait.
        """
        owner: dict[bytes, Handler | None] = {}
        for event in events:
            handler = self.intake.handlers.get(event.event_type)
            if event.event_type in EVENT_TYPES and self.intake.sources.waits(source_of(event.key)):
                handler = None
            if handler is None or not handler.bulk or owner.setdefault(event.stream_digest, handler) is not handler:
                owner[event.stream_digest] = None
        ready = {digest for digest, handler in owner.items() if handler is not None}
        old = {streams[digest].id: digest for digest in ready if digest not in self.new}
        if old:
            rows, due = sql.selects(
                sql.Query(StreamRow, effects.STREAM, "id", sorted(old), lock=True, skip_locked=True),
                sql.Query(Inbox, ("stream_id",), "stream_id", sorted(old), extra="due_at IS NOT NULL"),
            )
            streams.update({row[1]: Stream(*row) for row in rows})
            ready -= set(old.values()) - {row[1] for row in rows} | {old[row[0]] for row in due}
        return ready

    def _insert(
        self, received: Sequence[Received], events: Sequence[Event], outcomes: Mapping[int, Outcome],
        parcels: Mapping[int, int],
    ) -> None:  # fmt: skip
        rows = []
        pending = [r for r, event in zip(received, events, strict=True) if id(event) not in outcomes]
        keys = [r.key if r.event_type in EVENT_TYPES else "" for r in pending]
        due_at = iter(self.intake.sources.due(keys, self.now))
        for r, event in zip(received, events, strict=True):
            outcome = outcomes.get(id(event))
            if outcome is None:
                state, due, reason, handled = Inbox.State.PENDING.value, next(due_at), "", None
            else:
                state, due, reason, handled = outcome.state, None, outcome.held, self.now
            headers = orjson.dumps(r.headers).decode() if r.headers else ""
            rows.append((
                r.digest, event.stream.id, r.event_type, state, due, 0, reason, r.payload.decode(), headers, r.topic,
                r.partition, r.offset, self.now, handled, outcome.decision if outcome is not None else "",
                str(parcels.get(id(event), "")),
            ))  # fmt: skip
        # in the order of arrival: the keys that the database gives out are the order within a stream
        sql.insert(Inbox, COLUMNS, rows)
        self.stored.handled = len(outcomes)
        self.stored.pending = len(rows) - len(outcomes)

    def _set_aside(self, poison: Sequence[Poison]) -> None:
        opened = DeadLetter.State.OPEN.value
        sql.insert(DeadLetter, DEAD, [
            (p.topic, p.partition, p.offset, p.reason, p.detail, p.key, p.value, p.headers, self.now, opened)
            for p in poison
        ])  # fmt: skip
        self.stored.dead = len(poison)
        if poison:
            script.flush()  # an order that was just made is looked for below
        for p in poison:
            log.error("dead letter: %s[%d]@%d: %s", p.topic, p.partition, p.offset, p.reason)
            key = str((p.readable or {}).get("order_key") or "")
            # a key that no stream can have names no order, and nobody waits for its result
            if 0 < len(key) <= LONGEST_KEY and "\0" not in key and REJECTED in self.intake.handlers:
                rejected = FollowUp(REJECTED, key, dict(p.readable or {}))
                internal.write([(internal.stream_of(rejected.key), rejected)], self.now)
