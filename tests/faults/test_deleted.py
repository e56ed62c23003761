"""What a run makes of messages that it had the broker delete."""
from __future__ import annotations

from datetime import UTC, datetime

from commerce_events.bus.reader import Heard
from commerce_events.models import Gap
from tests.faults.checkers import nothing_is_passed_over
from tests.faults.run import _gone
from tests.faults.scene import Deleted
from tests.faults.state import State

TOPIC = "orders"


def message(partition: int, offset: int, order: str = "o-1") -> Heard:
    return Heard(TOPIC, partition, offset, datetime(2026, 1, 1, tzinfo=UTC), order, "paid", "", {"order_key": order})


def state(*deleted: tuple[Heard, bool], gaps: tuple[Gap, ...] = ()) -> State:
    return State(
        ends={(TOPIC, partition): 0 for partition in range(3)}, deleted=list(deleted), gaps=list(gaps),
        texts={"log": "ALARM gap"} if gaps else {},
    )  # fmt: skip


def gap(partition: int, begin: int, end: int | None) -> Gap:
    return Gap(topic=TOPIC, partition=partition, from_offset=begin, to_offset=end)


def test_what_the_broker_did_not_delete_after_all_is_not_gone() -> None:
    kept, gone, again = message(0, 3), message(0, 2), message(1, 3)
    noted = [Deleted(kept, False), Deleted(gone, False), Deleted(again, True)]
    assert _gone(noted, [kept, message(1, 3, "o-2")]) == [(gone, False), (again, True)]


def test_a_partition_that_went_with_its_topic_unheard_of_is_in_the_gaps_of_the_others() -> None:
    unheard_of, others = (message(3, 0), True), gap(0, 5, None)
    assert list(nothing_is_passed_over(state(unheard_of, gaps=(others,)))) == []
    assert list(nothing_is_passed_over(state(unheard_of))) != [], "no gap at all"
    assert list(nothing_is_passed_over(state((message(1, 0), True), gaps=(others,)))) != [], "its partition is there"
    assert list(nothing_is_passed_over(state((message(3, 0), False), gaps=(others,)))) != [], "its topic is the same"
