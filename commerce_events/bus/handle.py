"""The second stage: due inbox rows become effects.

A group of streams is claimed by locking their rows (SKIP LOCKED: any number of workers share the work), their due
events are handled in one transaction, or one stream at a time where the handler does not work in bulk. A group that
fails is handled one stream at a time, a stream that fails one event at a time, and an event that fails waits on its
row: later with back-off if the failure is transient, for a person if it is not understood. Everything else flows (D2).
When nearly everything fails, the breaker pauses the whole and the rows are left alone (``breaker``).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction

from commerce_events.bus import effects, script, sql
from commerce_events.bus.breaker import BREAKER_OPEN, Breaker
from commerce_events.bus.failures import is_conflict, is_outage, is_transient, summary
from commerce_events.bus.sources import Sources
from commerce_events.bus.types import INTERNAL, REJECTED, RENEW, Again, Context, Event, Handler, Outcome, Stream
from commerce_events.models import Inbox
from commerce_events.models import Stream as StreamRow

log = logging.getLogger(__name__)

DUE = ("id", "stream_id", "event_type", "payload", "headers", "digest", "attempts", "due_at", "received_at", "parcels")
FIRST_DELAY, LONGEST_DELAY = 30.0, 3600.0
TRIES = 4


class Handle:
    """Handles due events. Safe in any number of threads and processes at once."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        group: int = 500,
        unknown_attempts: int = 5,
        transient_for: timedelta = timedelta(hours=48),
        breaker: Breaker | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.handlers, self.group = handlers, group
        self.breaker, self.sources = breaker or Breaker(), sources or Sources()
        self.unknown_attempts, self.transient_for = unknown_attempts, transient_for
        self.bulk = all(handler.bulk for handler in handlers.values())
        self.alone = {RENEW, REJECTED}.union(*(getattr(handler, "alone", ()) for handler in handlers.values()))

    def due(self, now: datetime, limit: int) -> list[int]:
        """Streams with something to do, the longest due first; what waits in the stores' queues comes as there is room.

        Looks at no more than ``limit`` rows of the index, however long the queue is.
        """
        self.sources.refresh(now)
        streams = self._due(now, limit)
        # Though there is no room, the queues must not wait for ever.
        taken = self.sources.take(now, max(limit - len(streams), limit // 4, 1))
        return streams if streams or not taken else self._due(now, limit)

    def _due(self, now: datetime, limit: int) -> list[int]:
        rows = Inbox.objects.filter(due_at__lte=now).order_by("due_at", "id").values_list("stream_id", flat=True)
        while True:
            streams = list(dict.fromkeys(rows[:limit]))
            admitted = self.sources.admitted(streams, now)
            if admitted or not streams:
                return admitted

    def run(self, streams: Sequence[int], context: Context) -> int:
        """Handle what is due in these streams. Returns the number of events that are done.

        Raises:
            OperationalError: the database is away; nothing was recorded against any event.
        """
        if self.bulk and len(streams) > 1 and not self.breaker.is_open:
            try:
                return self._together(streams, context)
            except Exception as error:
                if is_outage(error):
                    raise
                log.warning("a group of %d streams is handled one by one: %s", len(streams), summary(error))
        done = 0
        for stream in streams:
            if not self.breaker.admits(context.now):
                break
            done += self._alone(stream, context)
        return done

    def _together(self, streams: Sequence[int], context: Context, most: int | None = None) -> int:
        left = TRIES
        while True:
            context = effects.next_try(context)
            try:
                with transaction.atomic(), script.gathered():
                    events = self._claim(streams, context.now, most)
                    outcomes = effects.decide(events, self.handlers, context) if events else []
                    _done(outcomes, effects.write(outcomes, (), context), context.now)
                    effects.finish(context)
            except Again as again:
                context = effects.next_try(context, again)
            except Exception as error:
                left -= 1
                if not left or not is_conflict(error):
                    raise
            else:
                self.breaker.succeeded(len(outcomes), context.now)
                return len(outcomes)

    def _alone(self, stream: int, context: Context) -> int:
        """One stream: all of its due events at once; if that fails one after the other, up to the one that fails."""
        try:
            return self._together([stream], context)
        except Exception as error:
            if is_outage(error):
                raise
        done = 0
        while True:
            try:
                if not self._together([stream], context, most=1):
                    return done
                done += 1
            except Exception as error:
                if is_outage(error):
                    raise
                self._failed(stream, error, context)
                return done

    def _claim(self, streams: Sequence[int], now: datetime, most: int | None) -> list[Event]:
        """Lock the streams that nobody holds and read their due events, oldest first within each."""
        rows = sql.select(StreamRow, effects.STREAM, "id", sorted(streams), lock=True, skip_locked=True)
        claimed = {row[0]: Stream(*row) for row in rows}
        waiting: dict[int, list[tuple[Any, ...]]] = {}
        # read after the lock: what another worker has done in between is done
        for row in sql.select(Inbox, DUE, "stream_id", sorted(claimed), order_by="id", extra="due_at IS NOT NULL"):
            waiting.setdefault(row[1], []).append(row)
        events = []
        for stream_id, held_up in waiting.items():
            ready, until = _ready(claimed[stream_id], held_up, now)
            events += _apart(ready, self.alone)[:most]
            if until is not None and not ready:
                # what stands behind an event that waits comes up again with it, and is in nobody's way till then
                Inbox.objects.filter(stream_id=stream_id, due_at__lte=now).update(due_at=until)
        return events

    def _failed(self, stream: int, error: Exception, context: Context) -> None:
        """Record a failure on the row of the first due event of the stream."""
        now = context.now
        if self.breaker.failed(now, summary(error)):
            # All that is due of it goes to the end of the queue: the next to be tried is another order.
            Inbox.objects.filter(stream_id=stream, due_at__lte=now).update(due_at=now, reason=BREAKER_OPEN)
            return
        with transaction.atomic():
            events = self._claim([stream], now, 1)
            if not events:
                return  # somebody else has it by now
            event = events[0]
            attempts = event.attempts + 1
            transient = is_transient(error)
            # Its age alone says nothing: it may have waited for this consumer, or for the breaker.
            out_of_time = (
                transient
                and attempts >= self.unknown_attempts
                and now - (event.received_at or now) > self.transient_for
            )
            if out_of_time or (not transient and attempts >= self.unknown_attempts):
                reason = getattr(error, "reason_code", "") or "database_unavailable"
                held = reason if transient else "internal_error"
                changes: dict[str, Any] = {"state": Inbox.State.HELD, "due_at": None, "reason": held}
                log.error("inbox %s held after %d attempts: %s", event.id, attempts, summary(error))
            else:
                held = ""
                changes = {"due_at": now + backoff(attempts), "reason": type(error).__name__[:64]}
                log.warning("inbox %s waits after attempt %d: %s", event.id, attempts, summary(error))
            Inbox.objects.filter(pk=event.id or 0).update(attempts=attempts, **changes)
            event.attempts = attempts
            if held or attempts == 1:
                self._tell(event, error, held, context)

    def _tell(self, event: Event, error: Exception, held: str, context: Context) -> None:
        """Let the handler say what its readers should know of a failure: at the first, and when a person must act."""
        # an event whose handler is no longer configured fails too, and must not fail here a second time
        on_failure = getattr(self.handlers.get(event.event_type), "on_failure", None)
        if on_failure is None:
            return
        try:
            with transaction.atomic():
                outcome = on_failure(event, error, held, context)
                parcels = effects.write([(event, outcome)], (), context)
                Inbox.objects.filter(pk=event.id or 0).update(parcels=_parcels(event, parcels))
        except Exception as second:
            if is_outage(second):
                raise
            # the failure itself is on the row; that it could not be told as well is one more line for the operator
            log.error("inbox %s: its failure could not be published: %s", event.id, summary(second))


def backoff(attempts: int, spread: float | None = None) -> timedelta:
    """30 s, doubled with each attempt, at most hourly, ± a fifth so that rows do not come back in step."""
    jitter = random.uniform(0.8, 1.2) if spread is None else spread
    return timedelta(seconds=min(FIRST_DELAY * 2 ** (attempts - 1), LONGEST_DELAY) * jitter)


def _ready(stream: Stream, rows: list[tuple[Any, ...]], now: datetime) -> tuple[list[Event], datetime | None]:
    """The due events of one stream, in order, up to the first that waits after a failure: what came later waits too.

    A timer – internal, due later, never tried – holds nothing up; an event that waits in its store's queue does.

    Returns:
        The events, and the time until which one that waits holds up the rest.
    """
    events: list[Event] = []
    for row_id, _, event_type, payload, headers, digest, attempts, due_at, received_at, parcels in rows:
        if due_at > now:
            if attempts or not event_type.startswith(INTERNAL):
                return events, due_at
            continue
        events.append(Event(
            event_type, orjson.loads(payload), stream, digest, attempts, row_id, received_at,
            orjson.loads(headers) if headers else {}, parcels,
        ))  # fmt: skip
    return events, None


def _apart(events: list[Event], alone: Collection[str]) -> list[Event]:
    """The events up to the first that is to be handled alone, or that one; what is left is due in the next round."""
    for before, event in enumerate(events):
        if event.event_type in alone:
            return events[: before or 1]
    return events


def _done(outcomes: Sequence[tuple[Event, Outcome]], parcels: Mapping[int, int], now: datetime) -> None:
    sql.update(
        Inbox,
        ("state", "due_at", "reason", "attempts", "handled_at", "decision", "parcels"),
        sorted(
            (
                event.id, outcome.state, None, outcome.held[:64], event.attempts + bool(outcome.held), now,
                outcome.decision, _parcels(event, parcels),
            )
            for event, outcome in outcomes
        ),
    )  # fmt: skip


def _parcels(event: Event, parcels: Mapping[int, int]) -> str:
    """Where the messages of all attempts on an event are: an earlier one may be the only word on some line."""
    return f"{event.parcels} {parcels[id(event)]}".strip() if id(event) in parcels else event.parcels
