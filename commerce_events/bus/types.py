"""What the bus and a durable handler say to each other.

A handler is given events whose stream (one message key of one topic) is locked by the caller's transaction, and answers
with one outcome each. It may read and write its own tables on the default connection; it never commits, never talks to
Kafka, and never keeps state between calls: what is not in the database did not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from commerce_events import identity
from commerce_events.topics import ORDER_TOPIC

#: How bad a finding is.
OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(slots=True)
class Stream:
    """One message key of one topic: an order, or a learner of an internal event. Locked while a handler sees it.

    ``revision`` and ``closed`` belong to the handler; set ``dirty`` after changing either. A stream that is new has its
    ``id`` already and gets its row after the handler was called.
    """

    id: int
    digest: bytes
    key: str
    next_n: int = 1
    revision: int = 0
    closed: bool = False
    topic: str = ORDER_TOPIC
    dirty: bool = False

    def take(self) -> int:
        """The next number of this stream's results: ascending, without holes, owned by the stream lock."""
        n, self.next_n, self.dirty = self.next_n, self.next_n + 1, True
        return n


@dataclass(slots=True)
class Event:
    """One received event: ``data`` is the decoded body below its only top-level argument (``order``, ``refund`` …)."""

    event_type: str
    data: dict[str, Any]
    stream: Stream
    digest: bytes
    attempts: int = 0
    id: int | None = None  # inbox primary key; None on the straight path, where the row is inserted as handled
    received_at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # only for events that are not ours
    parcels: str = ""  # where earlier attempts of it left messages, see ``outbox``


@dataclass(slots=True, frozen=True)
class Context:
    """What a handler needs to know of its surroundings; time and ids are parameters.

    A handler that acts outside of its own tables appends the deed to ``at_last``: it is called once everything else of
    the transaction is written, so that little can fail behind it. The deed may raise :class:`Again`.
    """

    installation: str
    epoch: int
    now: datetime
    facts: Mapping[Any, Any] = field(default_factory=dict)  # what earlier tries brought to light, see Again
    at_last: list[Callable[[], object]] = field(default_factory=list)
    stopped: frozenset[str] = frozenset()  # stores whose events are to be refused, as if they were not allowed (R37)

    def sequence(self, n: int) -> int:
        """A result's sequence: the epoch in the upper bits, so that a restored database cannot issue old ones."""
        return identity.sequence(self.epoch, n)


class Again(Exception):  # noqa: N818 – no error: an answer
    """Take everything back and handle the same events once more, knowing these facts."""

    def __init__(self, facts: Mapping[Any, Any]) -> None:
        super().__init__("the same events are to be handled once more, knowing more")
        self.facts = facts


@dataclass(slots=True, frozen=True)
class Message:
    """One event to publish with the transaction that handled its cause (a row of the outbox).

    ``data`` is the whole decoded body, ``{"fulfillment": {...}}``. ``slot`` names the fact that the message is the
    current word on – for a result: line, action and refund –, so that the current message of each slot can be sent
    again.
    """

    event_type: str
    message_id: str  # a UUID
    sequence: int
    slot: str
    data: dict[str, Any]


@dataclass(slots=True, frozen=True)
class FollowUp:
    """An internal event that the handler wants handled later, in the stream of another key (fan-out, timers)."""

    event_type: str
    key: str
    data: dict[str, Any]
    due_at: datetime | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one event. ``held``: a person must act; the reason says why. ``decision`` is kept on its row.

    ``is_shadow``: it was decided and nothing else; when its store sends it again, it is handled again.
    """

    messages: Sequence[Message] = ()
    follow_ups: Sequence[FollowUp] = ()
    held: str = ""
    alarms: Sequence[str] = ()
    decision: str = ""
    is_shadow: bool = False

    @property
    def state(self) -> str:
        """What its row says then: held, shadow, or handled."""
        return "held" if self.held else "shadow" if self.is_shadow else "handled"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``commerce-events doctor`` looked at. ``hint`` says what to do, unless all is well."""

    about: str
    state: str
    says: str
    hint: str = ""


class Handler(Protocol):
    """A durable handler of some event types.

    It may also have ``on_failure(event, error, held, context) -> Outcome``: what to publish when an event failed for
    the first time (``held`` is empty) and when it is held for a person (``held`` is the reason). And
    ``findings() -> Iterable[Finding]``: what ``commerce-events doctor`` should say about the handler's own tables. And
    ``sources``: the stores it serves, by their slugs. And ``chores``: by name, what else has to be done, again and
    again; each is given the time, answers how much it did, and has a thread of its own beside the handle stage. And
    ``alone``: internal event types that look at what was published before. Like ``RENEW`` and ``REJECTED`` they are
    handled without other events of their stream, whose messages would not be there yet.

    Raise ``exceptions.TransientError`` (or let ``django.db.OperationalError`` through) to have the event tried again
    later; any other exception is unknown: tried a few times, then held for a person.
    """

    event_types: Collection[str]
    bulk: bool  # True: may be given events of many streams in one transaction; False: one stream per transaction

    def handle(self, events: Sequence[Event], context: Context) -> Sequence[Outcome]:
        """Handle ``events`` – ordered within each stream – and answer one outcome for each, in the same order."""
        ...


#: Internal event types start with this; they are never published, never come from Kafka, and may be sent by anybody
#: who can write the inbox.
INTERNAL = "internal."
#: A restored database must contradict what its lost history published: the handler answers with the current messages
#: of the stream under new sequences (``commerce_events.bus.outbox.current``).
RENEW = "internal.stream.renew.v1"
#: An order event whose ids were readable but whose content breaks the contract; ``data`` holds what was readable.
REJECTED = "internal.event.rejected.v1"
