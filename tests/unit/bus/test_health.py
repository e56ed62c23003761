"""The health file says ok only while every stage gets on, and otherwise which one does not, and why."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from commerce_events.bus.health import Health
from commerce_events.exceptions import OperatorError


def test_a_stage_that_waits_says_so_until_it_gets_on(tmp_path: Path) -> None:
    file = tmp_path / "health"
    health = Health(str(file), ["intake", "relay"])
    health.beat("intake")
    assert file.read_text() == "ok\n"
    health.waiting("relay", "the broker is away")
    assert file.read_text() == "relay waits: the broker is away\n"
    health.beat("intake")
    assert file.read_text() == "relay waits: the broker is away\n"
    health.beat("relay")
    assert file.read_text() == "ok\n"


def test_what_had_to_be_waited_for_at_the_start_is_over_once_it_came(tmp_path: Path) -> None:
    file = tmp_path / "health"
    health = Health(str(file), ["intake"])
    health.waiting("start", "the database does not answer")
    assert file.read_text() == "start waits: the database does not answer\n"
    health.over("start")
    assert file.read_text() == "ok\n"


def test_a_process_that_has_ended_is_not_healthy(tmp_path: Path) -> None:
    file = tmp_path / "health"
    health = Health(str(file), ["intake"])
    health.beat("intake")
    health.close()
    assert not file.exists()


def test_a_halted_partition_takes_the_word_away(tmp_path: Path) -> None:
    file = tmp_path / "health"
    health = Health(str(file), ["intake"])
    health.halted(["orders[3]"])
    health.beat("intake")
    assert file.read_text() == "orders[3] is halted\n"
    health.halted([])
    assert file.read_text() == "ok\n"


def test_a_folder_that_is_missing_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be written"):
        Health(str(tmp_path / "missing" / "health"), ["intake"])


def test_a_file_that_can_no_longer_be_written_stops_no_stage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    health = Health(str(folder / "health"), ["intake"])
    shutil.rmtree(folder)
    health.waiting("intake", "the broker is away")
    health.beat("intake")
    assert len(caplog.records) == 1
    health.close()
