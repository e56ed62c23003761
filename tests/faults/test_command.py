"""What is typed wrong is told before anything starts, and what was kept stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults import campaign
from tests.faults.__main__ import main
from tests.faults.plan import plan
from tests.faults.run import Outcome


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--runs", "0"], "whole number from 1 on"),
        (["--labs", "-3"], "whole number from 1 on"),
        (["--kinds", "earthquake"], "no faults: earthquake"),
        (["--kinds", " , "], "names no fault"),
        (["--bug", "a beetle"], "no such bug"),
        (["--log", "nowhere/at/all.jsonl"], "no folder"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_there_is(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"), [("", "holds no run"), ("{}\n", "line 1 is no run"), ('{"seed": 1,', "line 1 is no run")]
)
def test_a_log_that_is_none_is_refused(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "runs.jsonl"
    log.write_text(text)
    assert main(["--summarise", str(log)]) == 2
    said = capsys.readouterr()
    assert says in said.err and not said.out


def test_a_log_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome(plan(1), kills=3, events=40), Outcome(plan(2), kills=2, violations={"I1": ["one is nowhere"]})]
    log = tmp_path / "runs.jsonl"
    log.write_text("".join(json.dumps(campaign.line(outcome)) + "\n" for outcome in outcomes))
    assert main(["--summarise", str(log)]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert (kept["runs"], kept["kills"], kept["messages"], kept["violated"]) == (2, 5, 40, [2])
