"""Each target holds on its seeds and its corpus, and is fuzzed for a moment; one that breaks is noticed."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .__main__ import CORPUS, main
from .targets import TARGETS, seeds

SECONDS = 2
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_before_holds(name: str) -> None:
    for data in [*seeds(name), b"", *(path.read_bytes() for path in sorted((CORPUS / name).glob("*")))]:
        TARGETS[name](data)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_new_ways_are_looked_for(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Linux alone")
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS), "--new", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_a_target_that_breaks_is_noticed(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tests.fuzz import targets\nfrom tests.fuzz.__main__ import fuzz\n"
        "targets.TARGETS['decode'] = lambda data: 1 // (len(data) - 3)\nfuzz('decode', sys.argv[1:])\n"
    )
    pytest.importorskip("atheris", reason="atheris has wheels for Linux alone")
    command = [sys.executable, "-c", code, f"-artifact_prefix={tmp_path}/", "-max_total_time=20"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode != 0
    assert "ZeroDivisionError" in ended.stdout + ended.stderr


@pytest.mark.parametrize("seconds", ["0", "-5"])
def test_a_time_that_would_never_end_is_refused(seconds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["decode", "--seconds", seconds])
    assert ended.value.code == 2
