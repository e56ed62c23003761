"""Internal events: one row in the caller's transaction, in the stream of their key."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from commerce_events.bus import inbox
from commerce_events.models import Inbox, Stream
from tests.engines.schema import TestDatabase


def test_two_equal_events_are_two_events_of_one_stream(database: TestDatabase) -> None:
    for _ in range(2):
        inbox.enqueue("internal.test.v1", "shop:1", {"a": "ü"})
    first, second = Inbox.objects.all()
    assert first.stream_id == second.stream_id == Stream.objects.get().pk
    assert (first.state, first.payload) == ("pending", '{"a":"ü"}')


def test_an_event_of_a_transaction_that_is_rolled_back_was_never_there(database: TestDatabase) -> None:
    with transaction.atomic():
        inbox.enqueue("internal.test.v1", "shop:1", {})
        transaction.set_rollback(True)
    assert not Inbox.objects.exists() and not Stream.objects.exists()


def test_it_may_be_due_later(database: TestDatabase) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    inbox.enqueue("internal.test.v1", "shop:1", {}, later)
    assert Inbox.objects.get().due_at == later


def test_keys_that_differ_in_case_or_blanks_are_different_streams(database: TestDatabase) -> None:
    keys = ["shop:a", "shop:A", "shop:a ", "shop:ä"]
    assert len({inbox.stream_of(key) for key in keys}) == 4
    assert [inbox.stream_of(key) for key in keys] == [inbox.stream_of(key) for key in keys]


def test_an_event_for_others_cannot_be_slipped_in(database: TestDatabase) -> None:
    with pytest.raises(ValueError, match="must start with internal"):
        inbox.enqueue("org.openedx.commerce.order.paid.v1", "shop:1", {})
