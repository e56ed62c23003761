"""The figures follow from what was measured, and nothing is called reached that was not."""
from __future__ import annotations

import json
from pathlib import Path

from benchmarks import figures, kept
from benchmarks.orders import LEARNERS, order
from commerce_events import topics, validation


def rates(*values: float) -> list[dict[str, float]]:
    return [{"rate": value} for value in values]


def test_a_ratio_is_taken_within_a_round_and_then_its_median() -> None:
    # the machine was three times slower in the second round: the ratio did not change
    measured = {"path": rates(3000, 1000, 3300), "stock-full": rates(100, 33.3, 110)}
    (told,) = figures.figures(measured)
    assert told.ratio.startswith("30.0×")
    assert told.reached


def test_a_missed_goal_is_called_missed() -> None:
    measured = {"path": rates(2900, 2900, 2900), "stock-full": rates(100, 100, 100), "ceiling": rates(4800, 4800, 4800)}
    stock, ceiling = figures.figures(measured)
    assert (stock.reached, ceiling.reached) == (False, True)


def test_latency_goals_are_upper_bounds() -> None:
    measured = {
        "serve": [{"latency": {"100": {"p50": 14, "p99": 31}}}],
        "three-commits": [{"latency": {"100": {"p50": 10, "p99": 20}}}],
    }
    assert [told.reached for told in figures.figures(measured)] == [True, False]


def test_a_ceiling_that_writes_other_rows_is_noticed() -> None:
    path = [{"rows": {"inbox": 1000, "lease": 1}, "rate": 1}]
    assert figures.unequal_rows({"path": path, "ceiling": [{"rows": {"inbox": 1000}, "rate": 1}]}) == {}
    assert figures.unequal_rows({"path": path, "ceiling": [{"rows": {"inbox": 900}, "rate": 1}]}) == {
        "inbox": (1000, 900)
    }


def test_the_run_that_was_kept_compares_like_with_like() -> None:
    run = kept.run()
    assert run["conditions"]["rounds"] >= 3
    for measured in run["measured"].values():
        assert figures.unequal_rows(measured) == {}
        assert list(figures.figures(measured))


def test_a_part_that_was_a_run_of_its_own_goes_over_the_whole(tmp_path: Path) -> None:
    def keep(name: str, **loops: int) -> None:
        (tmp_path / name).write_text(json.dumps({"conditions": {"rounds": 1}, "measured": {"postgresql": loops}}))

    keep("latest.json", path=1, backlog=2)
    keep("backlog.json", backlog=3)
    run = kept.run(tmp_path)
    assert run["measured"] == {"postgresql": {"path": 1, "backlog": 3}}
    assert run["conditions"]["parts"] == {"backlog": {"rounds": 1}}


def test_the_orders_are_legitimate_and_name_every_learner() -> None:
    at = "2026-01-31T12:00:00.000000+00:00"
    orders = [order(number, at) for number in range(LEARNERS)]
    for body in orders[:300]:
        validation.validate(topics.ORDER_PAID_TYPE, body)
    assert {body["order"]["learner"]["lms_user_id"] for body in orders} == set(range(1, LEARNERS + 1))
