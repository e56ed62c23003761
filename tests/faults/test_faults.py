"""Some runs of the laboratory with the other tests: ``COMMERCE_EVENTS_FAULT_RUNS`` says how many.

Without it sixty where engines are demanded, as continuous integration does, and a few elsewhere.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from commerce_events.exceptions import OperatorError
from tests.engines.find import REQUIRED
from tests.faults.__main__ import told
from tests.faults.engines import ready
from tests.faults.faults import FAULTS
from tests.faults.labs import Wanted, runs
from tests.faults.plan import CALM, KINDS, WINDOW, plan

RUNS, SEED = max(1, int(os.environ.get("COMMERCE_EVENTS_FAULT_RUNS") or (60 if REQUIRED else 3))), 1
#: At a time: a run waits more than it works.
LABS = 3


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
def test_nothing_is_violated_under_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it has done while it goes on: this is the longest of all tests."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\nfaults: {text}", file=sys.stderr, flush=True)

    wanted, failed = Wanted(evidence=tmp_path), []
    try:
        ready()
        for number, outcome in enumerate(runs(range(SEED, SEED + RUNS), LABS, wanted, say), 1):
            said = told(outcome, wanted)
            say(f"{number} of {RUNS}: {said}")
            failed += [said] if outcome.violations else []
    except OperatorError as error:
        if REQUIRED:
            raise
        pytest.skip(f"{error} {error.hint}")
    assert not failed, "\n".join(failed)
