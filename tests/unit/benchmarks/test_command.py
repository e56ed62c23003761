"""The command refuses what cannot be meant, before it starts any engine."""
from __future__ import annotations

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main


@pytest.mark.parametrize(("wrong", "says"), [
    (["--only", ","], "nothing is chosen"), (["--only", ""], "nothing is chosen"), (["--rounds", "0"], "0 is not in"),
    (["--only", "P99"], "P99 is not one of"),
    (["--backlog", "-1"], "-1.0 is not in"), (["--databases", "oracle"], "oracle is not one of"),
])  # fmt: skip
def test_what_would_measure_nothing_is_refused(wrong: list[str], says: str) -> None:
    ended = CliRunner().invoke(main, wrong)
    assert ended.exit_code == 2 and says in ended.output
