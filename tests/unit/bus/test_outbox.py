"""What a transaction decided comes out of the outbox as it went in; of each fact, the newest word is current."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from django.db import transaction

from commerce_events import topics, wire
from commerce_events.bus import outbox
from commerce_events.bus.types import Message, Stream
from commerce_events.identity import text_digest
from commerce_events.models import Inbox, OutboxBatch
from commerce_events.testing import builders
from tests.engines.schema import TestDatabase

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def stream(number: int) -> Stream:
    return Stream(number, bytes([number]) * 32, f"shop:{number}")


def message(sequence: int, slot: str = "line 1") -> Message:
    return Message(topics.ORDER_PAID_TYPE, str(uuid4()), sequence, slot, builders.order_paid(str(sequence)))


def told(*events: tuple[int, Sequence[Message]]) -> None:
    """One transaction that tells these messages, and the inbox rows of the events they tell of."""
    with transaction.atomic():
        parcels = outbox.write([(stream(number), messages) for number, messages in events], NOW)
        for (number, _), parcel in zip(events, parcels, strict=True):
            Inbox.objects.create(
                digest=text_digest(str(uuid4())), stream_id=number, event_type="test", state="handled", payload="{}",
                received_at=NOW, parcels="" if parcel is None else str(parcel),
            )  # fmt: skip


def current(*streams: int) -> dict[int, list[int]]:
    return {number: [each.sequence for each in listed] for number, listed in outbox.current(streams).items()}


def test_messages_come_out_as_they_went_in(database: TestDatabase) -> None:
    written = [message(n, "slot ü \N{SNOWMAN}") for n in range(1, 4)]
    told((1, written))
    found = outbox.messages(outbox.batches(100))
    assert [(m.message_id, m.sequence, m.slot, m.key) for m in found] == [
        (m.message_id, m.sequence, m.slot, "shop:1") for m in written
    ]
    assert [wire.decode(topics.ORDER_PAID_TYPE, bytes(m.body)) for m in found] == [m.data for m in written]


def test_more_than_a_row_holds_keeps_its_order(database: TestDatabase) -> None:
    told(*((number, [message(number)]) for number in range(1, 200)))
    assert [m.stream_id for m in outbox.messages(outbox.batches(1000))] == list(range(1, 200))


def test_the_newest_word_of_each_fact_is_current_in_whatever_order_it_was_written(database: TestDatabase) -> None:
    told((1, [message(9), message(4, "line 2")]))
    told((1, [message(1), message(2)]))
    assert current(1) == {1: [4, 9]}


def test_streams_of_one_transaction_do_not_mix(database: TestDatabase) -> None:
    told((1, [message(1)]), (2, [message(7)]), (3, []))
    told((2, [message(8)]))
    assert current(1) == {1: [1]}
    assert current(2, 3, 4) == {2: [8]}
    assert current() == {}


def test_what_was_sent_is_still_current(database: TestDatabase) -> None:
    told((1, [message(1)]))
    outbox.sent(outbox.batches(10))
    assert not OutboxBatch.objects.exists()
    assert current(1) == {1: [1]}


def test_a_round_takes_whole_transactions_and_never_none(database: TestDatabase) -> None:
    for _ in range(3):
        told((1, [message(1), message(2), message(3)]))
    everything = list(OutboxBatch.objects.order_by("pk").values_list("pk", flat=True))
    assert outbox.batches(1) == everything[:1], "more than asked for, or nothing would ever be sent"
    assert outbox.batches(5) == everything[:1]
    assert outbox.batches(6) == everything[:2]
    assert outbox.batches(100) == everything


def test_what_is_rolled_back_was_never_there(database: TestDatabase) -> None:
    with transaction.atomic():
        outbox.write([(stream(1), [message(1)])], NOW)
        transaction.set_rollback(True)
    assert outbox.batches(10) == [] and outbox.messages([1]) == []
