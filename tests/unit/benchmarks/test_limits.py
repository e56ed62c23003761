"""Upper bounds are judged by the worst that was seen, or by the median where a round is a sample."""
from __future__ import annotations

from typing import Any

from benchmarks import limits, profile
from benchmarks.figures import figures
from benchmarks.rounds import sizes_up_to


def backlog(events: int, busy: float, megabytes: float = 150) -> dict[str, Any]:
    return {"events": events, "busy": busy, "peak_megabytes": megabytes, "rate": 1}


def told(measured: dict[str, Any]) -> dict[str, bool | None]:
    return {figure.what: figure.reached for figure in figures(measured)}


def test_the_slope_of_a_linear_cost_is_one_and_short_backlogs_do_not_bend_it() -> None:
    linear = [backlog(1000, 9.0), backlog(10_000, 4), backlog(100_000, 40), backlog(1_000_000, 400)]
    assert abs((limits.slope(linear) or 0) - 1) < 1e-9
    assert limits.slope(linear[:2]) is None, "one point has no slope"


def test_a_cost_that_grows_faster_than_the_backlog_is_missed() -> None:
    def run(power: float) -> dict[str, Any]:
        course = [(done, 1e-4 * done**power) for done in range(1000, 100_001, 4000)]
        return {"backlog": [{**backlog(100_000, course[-1][1]), "course": course}]}

    what = "cost ~ orders to the power of, within the longest run, from 10,000 on"
    assert (told(run(1.04))[what], told(run(1.06))[what]) == (True, False)
    assert what not in told({"backlog": [{**backlog(3000, 1), "course": [(3000, 1.0)]}]}), "one point has no slope"


def test_runs_of_one_size_weigh_as_one() -> None:
    runs = [backlog(10_000, 4), backlog(10_000, 4), backlog(10_000, 40), backlog(100_000, 40)]
    assert abs((limits.slope(runs) or 0) - 1) < 1e-9, "the median of three, not their mean"


def test_memory_is_judged_by_the_highest_peak() -> None:
    assert told({"backlog": [backlog(1000, 1, 150), backlog(1000, 1, 201)]})["memory, backlog of 1,000"] is False


def test_a_recovery_is_judged_by_the_slowest() -> None:
    def database(seconds: float) -> dict[str, Any]:
        return {"what": "database", "outage": 1.0, "recovery": seconds, "orders": 100}

    assert told({"recovery": [database(1), database(4.9)]}) == {"database restarted: every order answered after": True}
    assert told({"recovery": [database(1), database(5.1)]}) == {"database restarted: every order answered after": False}


def test_statements_of_the_platform_and_of_the_bus_are_not_counted_as_ours() -> None:
    seen = {"ledger": 40, "look-ups": 24, "bus": 230, "platform": 810}
    single = {"orders": 20, "lines": 40, "statements": seen}
    group = {"orders": 2000, "lines": 4000, "statements": {"ledger": 4001}}
    assert list(told({"statements-group": [group], "statements-single": [single]}).values()) == [False, True]


def test_an_event_in_a_transaction_is_measured_against_an_insert_of_the_same_round() -> None:
    def row(insert: float, locked: float) -> dict[str, Any]:
        return {"microseconds": {"insert": insert, "locked": locked, "event": 3 * insert}}

    verdicts = told({"outbox-row": [row(100, 140), row(300, 420), row(200, 280)]})
    assert list(verdicts.values()) == [True, False]


def test_a_sample_belongs_to_its_innermost_part_and_start_up_to_none() -> None:
    store = "run (x.py:1);IntakeLoop._once (commerce_events/bus/intake_loop.py:75)"
    found = profile.shares([
        f"{store};decode (commerce_events/bus/intake_loop.py:183);Decoder.decode (commerce_events/bus/codec.py:93) 5",
        f"{store};Ledger.write (consumers/fulfillment/ledger.py:1);insert (commerce_events/bus/sql.py:57);x (y.py:1) 3",
        "RelayLoop.once (commerce_events/bus/relay_loop.py:50);messages (commerce_events/bus/outbox.py:145) 2",
        "<module> (benchmarks/loops/__main__.py:15);setup (django/__init__.py:24) 100",
    ])
    assert found == {"decode and check": 5, "rows handed to the driver": 3, profile.RELAY: 2}


def test_backlogs_grow_tenfold_up_to_the_one_that_was_asked_for() -> None:
    assert sizes_up_to(100_000) == (1000, 10_000, 10_000, 10_000, 100_000)
    assert sizes_up_to(3000) == (1000, 3000)


def test_the_sweep_must_find_what_was_refused_at_either_pace() -> None:
    def run(swept: int) -> dict[str, Any]:
        crowd = {"offered": 300, "rate": 250, "statuses": {"200": 90, "503": 10}, "refused": 10,
                 "refused_without_time": 0, "swept": swept}  # fmt: skip
        steady = {"rate": 150, "p99": 80.0, "refused": 3}
        return {"webhooks": [steady], "bare": [{**steady, "refused": 0}], "crowd": [crowd]}

    what = "of what was refused, the sweep found"
    assert told(run(13))[what] is True
    assert told(run(10))[what] is False, "three that were refused at our own pace are lost"
