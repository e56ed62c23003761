"""Some runs of the laboratory with the other tests: ``COMMERCE_EVENTS_FAULT_RUNS`` says how many."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from commerce_events.exceptions import OperatorError
from tests.engines.find import REQUIRED
from tests.faults.engines import Engines
from tests.faults.faults import FAULTS
from tests.faults.plan import CALM, KINDS, WINDOW, plan
from tests.faults.run import one

RUNS, SEED = int(os.environ.get("COMMERCE_EVENTS_FAULT_RUNS", "2")), 1


def test_a_plan_is_a_pure_function_of_its_seed() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_every_kind_of_fault_is_drawn_and_known() -> None:
    drawn = {fault.kind for seed in range(200) for fault in plan(seed).faults}
    assert drawn == set(FAULTS)
    assert set(KINDS) <= set(FAULTS)


def test_a_plan_repeats_events_and_keeps_to_its_window() -> None:
    for seed in range(20):
        sales, faults = plan(seed).sales, plan(seed).faults
        assert all(0 <= sale.at <= WINDOW for sale in sales)
        assert all(CALM <= fault.at <= WINDOW for fault in faults if fault.kind != "database backed up")


@pytest.mark.slow
@pytest.mark.real
def test_nothing_is_violated_under_faults(tmp_path: Path, django_db_blocker: Any) -> None:
    try:
        with Engines() as engines, django_db_blocker.unblock():
            outcomes = [one(engines, plan(seed), tmp_path, print) for seed in range(SEED, SEED + RUNS)]
    except OperatorError as error:
        if REQUIRED:
            raise
        pytest.skip(f"{error} {error.hint}")
    assert {outcome.plan.seed: outcome.violations for outcome in outcomes if outcome.violations} == {}
