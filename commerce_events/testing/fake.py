"""A bus for tests: it keeps what was published, and hands over what an LMS would answer. No broker, no network.

Without Django it stands where a :class:`commerce_events.bus.client.StoreClient` does::

    bus = FakeBus()
    my_shop.checkout(cart, client=bus)
    assert_published(bus, "1001", lines=[{"course_key": "course-v1:edX+DemoX+2026"}])

In Django it reads what waits in the outbox, as the relay does, and delivers results to the site's own handlers, as the
worker does (the fixture ``commerce_bus`` of :mod:`commerce_events.testing.plugin`)::

    bus.deliver(fulfillment_completed("1001"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from commerce_events import identity, topics, wire
from commerce_events.avsc import known
from commerce_events.exceptions import ContractError, TransientError
from commerce_events.objects import body as body_of
from commerce_events.validation import validate

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as its readers get it: ``data`` is what stands below the top-level argument, decoded from the wire."""

    event_type: str
    topic: str
    key: str
    message_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a broker would keep a message."""

    topic: str
    partition: int
    offset: int


@dataclass
class FakeBus:
    """A bus with a memory.

    Attributes:
        outbox: read what waits in the outbox of Django's database, too.
        away: publishing raises TransientError, as it does when no broker answers.
    """

    outbox: bool = False
    away: bool = False
    _sent: list[Sent] = field(default_factory=list)
    _later: timedelta = timedelta()

    # ------------------------------------------------------------------------------------------------ what was sent

    @property
    def events(self) -> list[Sent]:
        """Everything that was published, in order."""
        if self.outbox:
            self.relay()
        return list(self._sent)

    def publish_order_paid(self, order: Any) -> Placed:
        """As the client's: validated, and kept.

        Raises:
            ContractError: the order breaks the contract.
            TransientError: ``away``.
        """
        return self.publish(topics.ORDER_PAID_TYPE, body_of("order", order))

    def publish_order_refunded(self, refund: Any) -> Placed:
        """As the client's. Raises as :meth:`publish_order_paid` does."""
        return self.publish(topics.ORDER_REFUNDED_TYPE, body_of("refund", refund))

    def publish(self, event_type: str, body: Body, message_id: UUID | None = None) -> Placed:
        """As the client's. Raises as :meth:`publish_order_paid` does."""
        row, content = known(event_type), dict(body)
        validate(event_type, content)
        encoded = wire.encode(event_type, content)
        if self.away:
            raise TransientError("not acknowledged by the broker: no answer in time")
        self._keep(event_type, row.topic, content[row.argument]["order_key"], str(message_id or uuid4()), encoded)
        return Placed(row.topic, 0, len(self._sent) - 1)

    def close(self) -> None:
        """As the client's."""

    def relay(self) -> int:
        """Take what waits in the outbox, as the relay would; how many messages."""
        from commerce_events.bus import outbox

        taken = 0
        while batches := outbox.batches(1000):
            for message in outbox.messages(batches):
                body, kind = bytes(message.body), message.event_type
                self._keep(kind, message.topic, message.key, message.message_id, body)
                taken += 1
            outbox.sent(batches)
        return taken

    def _keep(self, event_type: str, topic: str, key: str, message_id: str, encoded: bytes) -> None:
        (data,) = wire.decode(event_type, encoded).values()
        self._sent.append(Sent(event_type, topic, key, message_id, data))

    # ------------------------------------------------------------------------------------------- what comes from it

    def deliver(self, *bodies: Body) -> None:
        """Hand events to the handlers of ``COMMERCE_EVENTS["HANDLERS"]``, in one batch, and have them handled.

        Arguments:
            bodies: of results, refund requests or orders, as the builders make them.

        Raises:
            ContractError: one of them breaks the contract.
            Exception: what a handler raised; a worker would record it and try again, a test wants to see it.
        """
        from commerce_events.bus.intake import Batch, Intake

        events = [_received(dict(body)) for body in bodies]
        handlers = _handlers()
        mine = [event for event in events if event.event_type in handlers]
        Intake(handlers, straight=False).store(Batch(mine), {}, self._context())
        self._handle(handlers)

    def wait(self, **time: float) -> None:
        """Let time go by – ``minutes=1`` – and do what is due then: timers, and the handlers' own chores."""
        if self.outbox:
            self.relay()  # it never waits so long
        self._later += timedelta(**time)
        handlers = _handlers()
        self._handle(handlers)
        for handler in {id(handler): handler for handler in handlers.values()}.values():
            for chore in handler.chores.values():
                while chore(self.now):
                    pass

    @property
    def now(self) -> datetime:
        """The time of this bus: the database's, and what :meth:`wait` has added."""
        from commerce_events.bus.clock import utc_now

        return utc_now() + self._later

    def _handle(self, handlers: Mapping[str, _Watched]) -> None:
        from commerce_events.bus.handle import Handle

        stage = Handle(handlers)
        while streams := stage.due(self.now, 1000):
            stage.run(streams, self._context())
        for handler in handlers.values():
            if handler.error is not None:
                raise handler.error

    def _context(self) -> Any:
        from commerce_events.bus.conf import merged
        from commerce_events.bus.types import Context

        return Context(merged()["INSTALLATION"] or "test", 1, self.now)


class _Watched:
    """A handler of the site, and the first exception that it raised."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.error: Exception | None = None
        self.event_types, self.bulk = handler.event_types, handler.bulk
        self.chores, self.alone = getattr(handler, "chores", {}), getattr(handler, "alone", ())

    def handle(self, events: Sequence[Any], context: Any) -> Sequence[Any]:
        """As the handler's own."""
        try:
            outcomes: Sequence[Any] = self.handler.handle(events, context)
        except Exception as error:
            self.error = self.error or error
            raise
        return outcomes


def _handlers() -> dict[str, _Watched]:
    """The site's handlers by event type, each watched once."""
    from commerce_events.bus import handlers
    from commerce_events.bus.conf import merged

    watched: dict[int, _Watched] = {}
    return {
        event_type: watched.setdefault(id(handler), _Watched(handler))
        for event_type, handler in handlers.load(merged()["HANDLERS"]).items()
    }


def _received(body: dict[str, Any]) -> Any:
    """A body as the decoder gives it."""
    import orjson

    from commerce_events.bus.codec import Received

    event_type = _type_of(body)
    validate(event_type, body)
    body = wire.decode(event_type, wire.encode(event_type, body))
    (data,) = body.values()
    key = data["order_key"]
    return Received(
        topics.EVENT_TYPES[event_type].topic, 0, 0, event_type, key, data, orjson.dumps(data),
        identity.event_digest(event_type, body), identity.stream_digest(topics.ORDER_TOPIC, key),
    )  # fmt: skip


def _type_of(body: Body) -> str:
    """The event type, which the top-level argument says, and the outcome of a result."""
    for argument, data in body.items():
        if argument == "fulfillment":
            return topics.RESULT_TYPES.get(data.get("outcome"), topics.FULFILLMENT_COMPLETED_TYPE)
        for event_type, row in topics.EVENT_TYPES.items():
            if row.argument == argument:
                return event_type
    raise ContractError("no body of an event", hint='One top-level field, as in {"fulfillment": {…}}.')
