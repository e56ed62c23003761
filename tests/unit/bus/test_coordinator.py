"""A group whose coordinator is moving is asked again; every other refusal is told at once."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from commerce_events.bus import kafka
from commerce_events.exceptions import OperatorError, TransientError

AT = ("orders", 0)


class Group:
    """The offsets of a group, at a coordinator that refuses the first questions."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.offsets: dict[tuple[str, int], int] = {}

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self._answer()
        return [TopicPartition(each.topic, each.partition, self.offsets.get((each.topic, each.partition), -1001))
                for each in asked]  # fmt: skip

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self._answer()
        self.offsets |= {(each.topic, each.partition): each.offset for each in offsets}
        return offsets

    def _answer(self) -> None:
        if self.refusals:
            raise KafkaException(KafkaError(self.refusals.pop(0)))


def client(*refusals: int) -> Any:
    return Group(*refusals)


@pytest.mark.parametrize(
    "moving",
    [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS],
)
def test_a_coordinator_that_is_moving_is_asked_again(moving: int) -> None:
    group = client(moving, moving)
    kafka.commit(group, {AT: 7})
    group.refusals = [moving]
    assert kafka.committed(group, [AT, ("orders", 1)]) == {AT: 7}


def test_any_other_refusal_is_told_at_once() -> None:
    group = client(KafkaError.REQUEST_TIMED_OUT, KafkaError.UNKNOWN_MEMBER_ID)
    with pytest.raises(TransientError):
        kafka.committed(group, [AT])
    with pytest.raises(OperatorError, match="cannot be set"):
        kafka.commit(group, {AT: 7})
    assert group.offsets == {}


def test_a_coordinator_that_never_settles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT", 0.25)
    group = client(*[KafkaError.NOT_COORDINATOR] * 100)
    with pytest.raises(TransientError, match="committed offsets"):
        kafka.committed(group, [AT])
    assert 90 < len(group.refusals) < 99
