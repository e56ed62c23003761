"""A run counts the faults that came to pass, and what they excuse."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.faults.campaign import line, total
from tests.faults.plan import PREPARATION, Fault, plan
from tests.faults.run import Run
from tests.faults.scene import Scene, SkippedError


def comes_too_late(*_: object) -> None:
    raise SkippedError("another one was there first")


def breaks(*_: object) -> None:
    raise ValueError("a mistake of the laboratory")


def happens(*_: object) -> None:
    """It did."""


def test_what_was_skipped_is_told_and_what_prepares_another_one_is_no_fault(tmp_path: Path) -> None:
    engines: Any = None
    run = Run(engines, plan(1), tmp_path, fresh=True)
    scene: Any = None
    run.faults = {"done": happens, PREPARATION: happens, "late": comes_too_late, "broken": breaks}
    for kind in run.faults:
        run._fault(scene, Fault(0, kind, 0, 0))
    run.faults = {PREPARATION: comes_too_late}
    run._fault(scene, Fault(0, PREPARATION, 0, 0))
    assert (run.outcome.faults, run.outcome.skipped) == (["done"], ["late"])
    assert len(run.undone) == 1 and "a mistake of the laboratory" in run.undone[0]
    sum_ = total([line(run.outcome), {**line(run.outcome), "faults": ["done", PREPARATION]}])
    assert (sum_["faults"], sum_["skipped"], sum_["kinds"]) == (2, 2, {"done": 2})


def test_a_fault_excuses_the_end_that_it_explains_and_no_other() -> None:
    scene: Any = SimpleNamespace(excused={(3, "does not exist"), (0, "")})
    assert Scene.excuses(scene, 3, "topic orders does not exist | Create it")
    assert Scene.excuses(scene, 0, "")
    assert not Scene.excuses(scene, 3, "the Kafka client did not empty its queue within 10 s")
    assert not Scene.excuses(scene, 1, "topic orders does not exist")
