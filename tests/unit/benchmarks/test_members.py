"""The pace of several processes is that of the time in which all of them were at work."""

from __future__ import annotations

import pytest

from benchmarks.members import NeverTogetherError, together


def test_a_member_alone_is_measured_from_its_first_batch_to_its_last() -> None:
    assert together([[(1.0, 10), (2.0, 30), (4.0, 70)]]) == (60, 3.0)


def test_what_one_does_alone_before_and_afterwards_is_left_out() -> None:
    first = [(0.0, 10), (1.0, 110), (2.0, 210), (3.0, 260), (4.0, 310)]
    second = [(2.0, 5), (2.5, 55), (3.0, 105), (9.0, 705)]
    assert together([first, second]) == (100 + 100, 2.0)


@pytest.mark.parametrize("second", [[], [(9.0, 10)]])
def test_processes_that_never_worked_together_have_no_pace(second: list[tuple[float, int]]) -> None:
    with pytest.raises(NeverTogetherError):
        together([[(0.0, 10), (1.0, 20)], second])
