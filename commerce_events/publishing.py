"""Publishing from Django: an order event is written in the transaction that makes the order, and sent after its commit.

::

    from commerce_events import publish_order_paid

    with transaction.atomic():
        order.mark_paid()
        publish_order_paid(OrderData(...))

If the transaction is rolled back, nobody hears of the order; if it is committed, the LMS will, however often a process
dies: the row stands in the outbox until the broker has acknowledged it. ``manage.py consume_commerce_events --only
relay`` sends it, in a process of its own.

Events of one order are sent in the order of their commits: each locks the order's stream row before it takes its place.
The id of a message is made from its content, so the same content twice is one event to every reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

from django.db import connection
from django.dispatch import Signal

from commerce_events import identity, topics, wire
from commerce_events.avsc import known
from commerce_events.bus import inbox, outbox
from commerce_events.data import OrderData, RefundData
from commerce_events.exceptions import ContractError, OperatorError
from commerce_events.objects import body as body_of
from commerce_events.validation import validate

__all__ = ["Published", "publish", "publish_order_paid", "publish_order_refunded", "published"]

#: Sent in the caller's transaction for each event that was written, with ``event`` (:class:`Published`). A receiver
#: that raises takes the caller's transaction back.
published = Signal()

#: What a store may say; everything else is the LMS's word.
OURS = (topics.ORDER_PAID_TYPE, topics.ORDER_REFUNDED_TYPE)


@dataclass(frozen=True, slots=True)
class Published:
    """An event in the outbox. ``batch_id`` is its place there, ``data`` what stands below the top-level argument."""

    event_type: str
    order_key: str
    message_id: str
    batch_id: int
    data: Mapping[str, Any]


def publish_order_paid(order: OrderData | Mapping[str, Any]) -> Published:
    """Publish that the money for an order's lines is secured, if the current transaction is committed.

    Arguments:
        order: the object, its fields as a dictionary, or a body ``{"order": {...}}``.

    Raises:
        ContractError: the order breaks the contract; nothing was written.
        OperatorError: there is no transaction; see :func:`publish`.
    """
    return publish(topics.ORDER_PAID_TYPE, body_of("order", order))


def publish_order_refunded(refund: RefundData | Mapping[str, Any]) -> Published:
    """Publish that some or all of an order was reversed, if the current transaction is committed.

    Arguments:
        refund: the object, its fields as a dictionary, or a body ``{"refund": {...}}``.

    Raises:
        ContractError: the refund breaks the contract; nothing was written.
        OperatorError: there is no transaction; see :func:`publish`.
    """
    return publish(topics.ORDER_REFUNDED_TYPE, body_of("refund", refund))


def publish(event_type: str, body: Mapping[str, Any]) -> Published:
    """Write one order event to the outbox of the default database.

    Arguments:
        body: ``{"order": {...}}`` or ``{"refund": {...}}``, as plain dictionaries.

    Raises:
        ContractError: the event breaks the contract, or is none of a store's; nothing was written.
        OperatorError: there is no transaction on the default database, so that the event and the order that it tells of
            could not be committed together.
    """
    made = _made(event_type, body)
    if not _in_a_transaction():
        raise OperatorError(
            "an order event was to be published outside of a transaction",
            hint="Publish it inside of the transaction.atomic() that saves the order: one is not there without the "
            "other then. Each alone is what gets lost.",
        )
    # From here on no other event of this order can be committed before this one.
    inbox.lock(made.order_key)
    return _written([made])[0]


def publish_locked(events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Published]:
    """Write several events of one order, in the caller's transaction, which holds a lock of its own on that order.

    Cheaper than :func:`publish`, and right only where every event of the order is written under that lock.

    Raises:
        ContractError: one of them breaks the contract; nothing was written.
    """
    return _written([_made(event_type, body) for event_type, body in events])


@dataclass(frozen=True, slots=True)
class _Made:
    """An event that was checked, and its message as it will lie in the outbox."""

    event_type: str
    order_key: str
    message_id: str
    data: Mapping[str, Any]
    packed: bytes


def _made(event_type: str, body: Mapping[str, Any]) -> _Made:
    if event_type not in OURS:
        raise ContractError(f"{event_type} is no event of a store", hint=f"A store publishes {' and '.join(OURS)}.")
    content = dict(body)
    validate(event_type, content)
    encoded = wire.encode(event_type, content)
    row = known(event_type)
    data = content[row.argument]
    key = data["order_key"]
    message_id = str(uuid5(identity.NAMESPACE, identity.event_digest(event_type, content).hex()))
    # No stream is named: its counted messages are the LMS's results, in which a hole would be missed.
    packed = outbox.pack(0, event_type, message_id, 0, slot(event_type, data), row.topic, key, "", encoded)
    return _Made(event_type, key, message_id, data, packed)


def _written(made: Sequence[_Made]) -> list[Published]:
    batch = outbox.write_packed([each.packed for each in made], datetime.now(UTC))
    events = [Published(each.event_type, each.order_key, each.message_id, batch, each.data) for each in made]
    for event in events:
        published.send(sender=publish, event=event)
    return events


def slot(event_type: str, data: Mapping[str, Any]) -> str:
    """The fact that an event is the word on: what was paid with which revision, or one refund."""
    if event_type == topics.ORDER_PAID_TYPE:
        return f"paid:{data['revision']}"
    return f"refunded:{data['refund_id']}"


def _in_a_transaction() -> bool:
    """Whether somebody will commit. The one that a test case is wrapped in is not the store's: it hides its absence."""
    if connection.get_autocommit():
        return False
    blocks = connection.atomic_blocks
    return not blocks or not all(getattr(block, "_from_testcase", False) for block in blocks)
