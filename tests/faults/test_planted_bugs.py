"""The checkers are worth their time only if they find what goes wrong: each planted bug must be seen by its checker."""
from __future__ import annotations

import pytest

from tests.engines.schema import TestDatabase, empty
from tests.faults import checkers, tabletop, watch
from tests.faults.planted import BUGS

#: Runs in which a bug must show.
RUNS = 25


def test_there_are_bugs_for_every_invariant() -> None:
    assert len(BUGS) >= 25
    assert {checker.split()[0] for _, checker in BUGS.values()} == {f"I{number}" for number in range(1, 13)}
    assert {checker for _, checker in BUGS.values()} == set(checkers.CHECKERS)


def test_after_a_restore_only_the_lost_history_may_have_told_kafka_more() -> None:
    assert watch.ahead({0: 5, 1: 3, 2: -1001}, {0: 5, 1: 4}, {}) == []
    assert len(watch.ahead({0: 6, 1: 1}, {0: 5}, {})) == 2
    assert watch.ahead({0: 6}, {0: 2}, {0: 6}) == [], "committed before the restore"
    assert len(watch.ahead({0: 7}, {0: 2}, {0: 6})) == 1, "nobody had stored so much"
    assert len(watch.ahead({0: 9}, {0: 8}, {0: 6})) == 1, "the new history is held to the same"


def test_when_a_health_file_must_have_turned() -> None:
    assert [watch.due("database", 100, None, now) for now in (107.9, 108)] == [False, True]
    assert [watch.due("brokers", 100, None, now) for now in (113.9, 114)] == [False, True]
    assert [watch.due("consumer-0", 100, 105, now) for now in (111.9, 112)] == [False, True], "its own pause"
    assert [watch.due("database", 100, 105, now) for now in (112.9, 113)] == [False, True], "paused meanwhile"
    assert watch.due("database", 100, 90, 108), "paused before"


@pytest.mark.parametrize("seed", range(6))
def test_without_a_bug_nothing_is_violated(seed: int, sqlite: TestDatabase) -> None:
    assert checkers.violations(tabletop.run(seed)) == {}


@pytest.mark.parametrize("bug", BUGS)
def test_it_is_seen_by_its_checker(bug: str, sqlite: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, checker = BUGS[bug]
    plant(monkeypatch.setattr)
    for seed in range(RUNS):
        state = tabletop.run(seed)
        assert "in planted.py:" not in state.texts["log"], "the bug itself is broken: that proves no checker"
        if list(checkers.CHECKERS[checker](state)):
            return
        empty()
    pytest.fail(f"{checker} did not see it in {RUNS} runs")
