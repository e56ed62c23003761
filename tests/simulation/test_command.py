"""The simulation's command refuses what would run nothing, and says what it ran."""
from __future__ import annotations

import pytest

from tests.simulation.__main__ import main


@pytest.mark.parametrize("steps", ["0", "-1", "0.5", "nan", "inf", "many"])
def test_no_steps_are_refused_with_a_hint(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--steps={steps}"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert f"'{steps}' is no number of steps from 1 on; write it as 1000000 or 1e6" in said.err
    assert said.out == "", "nothing ran, and nothing is said of violations"


def test_one_step_is_a_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--steps", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 runs, ")
    assert said.endswith(" crashes, no violation\n")


def test_a_planted_fault_is_a_violation_that_can_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bug", "marked_before_sent", "--steps", "1e5"]) == 1
    said = capsys.readouterr().out
    assert "no violation" not in said
    seed = int(said.rpartition("--seed ")[2].split()[0])
    assert main(["--bug", "marked_before_sent", "--seed", str(seed)]) == 1
