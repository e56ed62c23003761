"""What a run makes of messages that it had the broker delete, and of the gaps that account for them."""
from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from commerce_events.bus.reader import Heard
from commerce_events.models import Gap
from tests.faults.checkers import _is_in_a_gap
from tests.faults.run import _gone
from tests.faults.scene import Deleted

TOPIC = "orders"


def message(partition: int, offset: int, order: str = "o-1") -> Heard:
    return Heard(TOPIC, partition, offset, datetime(2026, 1, 1, tzinfo=UTC), order, "paid", "", {"order_key": order})


def test_what_the_broker_did_not_delete_after_all_is_not_gone() -> None:
    kept, gone, again = message(0, 3), message(0, 2), message(1, 3)
    noted = [Deleted(again, True), Deleted(kept, False), Deleted(gone, False)]
    assert _gone(noted, [kept, message(1, 3, "o-2")]) == [(again, True), (gone, False)]


def test_what_was_deleted_before_the_topic_was_made_anew_is_of_the_former_one() -> None:
    before, anew, after = message(0, 2), message(0, 3), message(0, 2, "o-2")
    noted = [Deleted(before, False), Deleted(anew, True), Deleted(after, False)]
    assert _gone(noted, []) == [(before, True), (anew, True), (after, False)]
    still_there = [anew]  # its deletion did not come to pass
    assert _gone(noted, still_there) == [(before, False), (after, False)]


def test_a_gap_of_a_topic_made_anew_is_the_rest_of_the_former_and_what_the_new_one_has_no_more() -> None:
    gap = Gap(topic=TOPIC, partition=0, reason="topic_recreated", from_offset=7, to_offset=2)

    def accounts(offset: int, with_topic: bool) -> bool:
        return _is_in_a_gap(SimpleNamespace(gaps=[gap]), message(0, offset), with_topic)  # type: ignore[arg-type]

    assert [accounts(offset, with_topic=True) for offset in (6, 7, 8)] == [False, True, True]
    assert [accounts(offset, with_topic=False) for offset in (0, 1, 2, 7)] == [True, True, False, False]
    gap.reason, gap.from_offset, gap.to_offset = "offsets_expired", 2, 4
    assert [accounts(offset, with_topic=False) for offset in (1, 2, 3, 4)] == [False, True, True, False]
