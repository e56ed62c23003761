"""The demo: the whole story, twice in a row; and what it says to try next can be typed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from commerce_events.cli import COMMANDS
from commerce_events.cli.demo import next_steps


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """commerce-events in a virtual environment below the folder."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").touch()
    (folder / "commerce-events").touch()
    return folder / "commerce-events"


def test_where_the_command_is_not_found_the_first_line_makes_it_found(script: Path, tmp_path: Path) -> None:
    assert next_steps(script, None, tmp_path).splitlines()[0].split()[:2] == [".", ".venv/bin/activate"]
    other = tmp_path / "commerce-events"
    other.touch()
    assert ".venv/bin/activate" in next_steps(script, str(other), tmp_path)


def test_where_it_is_found_there_is_nothing_to_activate(script: Path, tmp_path: Path) -> None:
    assert "activate" not in next_steps(script, str(script), tmp_path)


def test_from_elsewhere_the_path_is_whole(script: Path, tmp_path: Path) -> None:
    assert str(script.with_name("activate")) in next_steps(script, None, tmp_path / "elsewhere")


def test_every_line_names_a_command_there_is(script: Path, tmp_path: Path) -> None:
    said = [shlex.split(line) for line in next_steps(script, str(script), tmp_path).splitlines()]
    assert {words[1] for words in said} <= set(COMMANDS)
    assert "make" not in {words[0] for words in said}
    (tmp_path / "Makefile").touch()
    assert "make test" in next_steps(script, str(script), tmp_path)


def test_the_demo_for_programs_ends_well_twice_in_a_row() -> None:
    scenes = []
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", "from commerce_events.cli import main; main()", "demo", "--format", "ndjson"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        scenes.append([json.loads(line) for line in ended.stdout.splitlines()])
    first, second = scenes
    assert len(first) >= 7 and all(scene["ok"] for scene in first + second)
    assert [scene["title"] for scene in first] == [scene["title"] for scene in second]
