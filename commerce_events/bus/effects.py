"""Deciding a group of events and writing what follows: shared by the straight path and the handle stage."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from commerce_events.bus import inbox, outbox, script, sql
from commerce_events.bus.types import Again, Context, Event, FollowUp, Handler, Outcome, Stream
from commerce_events.models import Stream as StreamRow

log = logging.getLogger(__name__)

STREAM = ("id", "digest", "key", "next_n", "revision", "closed", "topic")


def decide(events: Sequence[Event], handlers: Mapping[str, Handler], context: Context) -> list[tuple[Event, Outcome]]:
    """Have each event handled by its handler, each handler's events in one call, in their order."""
    shares: dict[int, tuple[Handler, list[Event]]] = {}
    for event in events:
        handler = handlers[event.event_type]
        shares.setdefault(id(handler), (handler, []))[1].append(event)
    decided: list[tuple[Event, Outcome]] = []
    for handler, share in shares.values():
        outcomes = handler.handle(share, context)
        if len(outcomes) != len(share):
            raise TypeError(f"{type(handler).__name__} answered {len(outcomes)} outcomes to {len(share)} events")
        decided += zip(share, outcomes, strict=True)
    return decided


def write(
    decided: Sequence[tuple[Event, Outcome]], new: Iterable[Stream], context: Context
) -> Mapping[int, int]:
    """Write streams, messages and follow-ups of decided events. ``new`` streams have no row yet.

    Returns:
        The parcel that an event's messages are in, by the event's identity (``id``).
    """
    new = list(new)
    insert_streams(new, context)
    fresh = {stream.id for stream in new}
    dirty = {event.stream.id: event.stream for event, _ in decided if event.stream.dirty}
    sql.update(
        StreamRow,
        ("next_n", "revision", "closed"),
        [(s.id, s.next_n, s.revision, s.closed) for i, s in sorted(dirty.items()) if i not in fresh],
    )
    follow_ups: list[tuple[int, FollowUp]] = []
    for event, outcome in decided:
        for follow_up in outcome.follow_ups:
            stream_id = event.stream.id
            if follow_up.key != event.stream.key:
                script.flush()  # it may be one that was just made
                stream_id = inbox.stream_of(follow_up.key)
            follow_ups.append((stream_id, follow_up))
        for alarm in outcome.alarms:
            log.warning("%s: %s", event.stream.key, alarm)
    parcels = outbox.write([(event.stream, outcome.messages) for event, outcome in decided], context.now)
    if follow_ups:
        inbox.write(follow_ups, context.now)
    told = zip(decided, parcels, strict=True)
    return {id(event): parcel for (event, _), parcel in told if parcel is not None}


def finish(context: Context) -> None:
    """Do what handlers wanted to be done at last."""
    for deed in context.at_last:
        deed()


def is_news(context: Context, again: Again) -> bool:
    """Whether a try brought something to light that it was not told."""
    return not again.facts.keys() <= context.facts.keys()


def next_try(context: Context, again: Again | None = None) -> Context:
    """The surroundings of the next try to handle the same events.

    Raises:
        RuntimeError: nothing new was learned, so it would never end.
    """
    if again is not None and not is_news(context, again):
        raise RuntimeError(f"asked again with nothing new: {sorted(map(str, set(again.facts.values())))}")
    facts = {**context.facts, **again.facts} if again is not None else context.facts
    return replace(context, facts=facts, at_last=[])


def insert_streams(streams: Iterable[Stream], context: Context) -> None:
    """Insert the rows of new streams, in the order of their digests, so that two writers meet in one order."""
    sql.insert(
        StreamRow,
        ("id", "digest", "topic", "key", "next_n", "revision", "closed", "created_at"),
        [
            (s.id, s.digest, s.topic, s.key, s.next_n, s.revision, s.closed, context.now)
            for s in sorted(streams, key=lambda s: s.digest)
        ],
    )
