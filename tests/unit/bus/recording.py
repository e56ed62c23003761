"""A handler that keeps what it was given and fails when it is told to; and events for it, as the decoder gives them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from commerce_events import identity, topics
from commerce_events.bus import positions
from commerce_events.bus.codec import Poison, Received
from commerce_events.bus.handle import Handle
from commerce_events.bus.intake import Batch, Intake, Stored
from commerce_events.bus.types import Context, Event, Message, Outcome
from commerce_events.models import Inbox
from commerce_events.testing import builders

TYPES = frozenset({topics.ORDER_PAID_TYPE, topics.ORDER_REFUNDED_TYPE, "internal.test.v1"})
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GROUP, TOPIC = "group", "orders"


class Recording:
    """Fails on the orders in ``failing``, with the exception given there, as often as it says."""

    event_types = TYPES

    def __init__(self, bulk: bool = True) -> None:
        self.bulk = bulk
        self.calls: list[list[str]] = []
        self.failing: dict[str, list[Exception]] = {}
        self.told: list[tuple[str, str]] = []

    def handle(self, events: Sequence[Event], context: Context) -> list[Outcome]:
        self.calls.append([name(event) for event in events])
        for event in events:
            if self.failing.get(name(event)):
                raise self.failing[name(event)].pop()
        return [self._answer(event, context) for event in events]

    def _answer(self, event: Event, context: Context) -> Outcome:
        n = event.stream.take()
        body = builders.order_paid(str(n))
        slot = f"slot {event.digest.hex()}"
        return Outcome([Message(topics.ORDER_PAID_TYPE, uuid4(), context.sequence(n), slot, body)])

    def on_failure(self, event: Event, error: Exception, held: str, context: Context) -> Outcome:
        self.told.append((name(event), held))
        return Outcome()

    @property
    def handled(self) -> list[str]:
        """Everything given, flat."""
        return [each for call in self.calls for each in call]


def name(event: Event) -> str:
    """``paid 1``, ``refunded 1``; of an internal event its key."""
    word = {topics.ORDER_PAID_TYPE: "paid", topics.ORDER_REFUNDED_TYPE: "refunded"}.get(event.event_type, "internal")
    return f"{word} {event.data.get('order_id', event.stream.key)}"


class Bus:
    """Both stages around one handler, on one partition."""

    def __init__(self, handler: Any, straight: bool = True, resend: bool = True) -> None:
        self.handler = handler
        self.now = NOW
        handlers = dict.fromkeys(handler.event_types, handler)
        self.intake = Intake(handlers, straight=straight, resend=resend)
        self.stage = Handle(handlers, group=100)

    @property
    def context(self) -> Context:
        return Context("test-lms", 1, self.now)

    def take(self, *messages: Received | Poison, partition: int = 0, offset: int | None = None) -> Stored:
        """Store a batch, as read from a position of its own."""
        stand = positions.start(GROUP, TOPIC, partition, 0, "")
        stand = positions.load(GROUP, [TOPIC])[stand.at]
        end = stand.offset + len(messages) if offset is None else offset
        batch = Batch([m for m in messages if isinstance(m, Received)], [m for m in messages if isinstance(m, Poison)])
        batch.next_offsets[stand.at] = end
        return self.intake.store(batch, {stand.at: stand}, self.context)

    def work(self, seconds: float = 0) -> int:
        """Let time go by, and handle what is due."""
        self.now += timedelta(seconds=seconds)
        return self.stage.run(self.stage.due(self.now, 100), self.context)


def paid(order_id: str, **more: Any) -> Received:
    """A payment, as the decoder gives it."""
    return received(topics.ORDER_PAID_TYPE, builders.order_paid(order_id, at=NOW, **more))


def refunded(order_id: str) -> Received:
    """A refund, as the decoder gives it."""
    return received(topics.ORDER_REFUNDED_TYPE, builders.order_refunded(order_id, at=NOW))


def received(event_type: str, body: dict[str, Any]) -> Received:
    """Any event of ours, as the decoder gives it."""
    (data,) = body.values()
    key = data["order_key"]
    return Received(
        TOPIC, 0, 0, event_type, key, data, orjson.dumps(data), identity.event_digest(event_type, body),
        identity.stream_digest(topics.ORDER_TOPIC, key),
    )  # fmt: skip


def states(*types: str) -> list[tuple[str, str]]:
    """State and reason of the rows of the inbox, in order."""
    rows: Iterable[Inbox] = Inbox.objects.order_by("id")
    return [(row.state, row.reason) for row in rows if not types or row.event_type in types]
