"""Lanes: how messages are dealt, and what is kept when one of them fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from commerce_events.bus.lanes import Lanes
from tests.engines.schema import TestDatabase


@dataclass
class At:
    """A message, as far as lanes look at it."""

    number: int
    offset: int

    def topic(self) -> str:
        return "orders"

    def partition(self) -> int:
        return self.number


def dealt(lanes: Lanes, *counts: int, least: int = 1) -> list[list[At]]:
    return lanes.shares([At(number, i) for number, count in enumerate(counts) for i in range(count)], least)


@pytest.fixture
def lanes(postgresql: TestDatabase) -> Lanes:
    return Lanes(2)


def test_a_partition_is_never_divided_and_keeps_its_order(lanes: Lanes) -> None:
    shares = dealt(lanes, 5, 3, 4, 1)
    assert sorted(len(share) for share in shares) == [6, 7]
    for share in shares:
        for number in {at.number for at in share}:
            offsets = [at.offset for at in share if at.number == number]
            assert offsets == sorted(offsets)
    first, second = ({at.number for at in share} for share in shares)
    assert not first & second


def test_a_few_messages_go_by_one_lane(lanes: Lanes) -> None:
    assert len(dealt(lanes, 2, 2, least=5)) == 1
    assert len(dealt(lanes, 3, 2, least=5)) == 2


def test_one_partition_is_one_share(lanes: Lanes) -> None:
    assert len(dealt(lanes, 9)) == 1
    assert dealt(lanes) == []


def test_sqlite_has_one_lane(sqlite: TestDatabase) -> None:
    assert Lanes(4).count == 1


def test_shares_are_worked_at_the_same_time(lanes: Lanes) -> None:
    meeting = threading.Barrier(2, timeout=10)
    met: list[str] = []

    def work(share: str) -> None:
        meeting.wait()
        met.append(share)

    lanes.run(work, ["a", "b"])
    assert sorted(met) == ["a", "b"]
    lanes.close()
