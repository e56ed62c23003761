"""The minute of I8 is one of the machine that the run had."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import machine

#: What /proc/stat says first: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
LINE = "cpu  {user} 0 10 {idle} 7 0 0 {steal} 0 0\ncpu0 1 2 3\n"


@pytest.mark.parametrize(
    ("here", "idle", "stolen", "counts"),
    [(100, 0, 0, 1.0), (100, 0, 100, 0.5), (10, 0, 30, 0.25), (50, 1900, 50, 0.975), (0, 0, 0, 1.0), (0, 0, 50, 0.0)],
)
def test_what_the_host_gave_to_others_does_not_count(
    here: int, idle: int, stolen: int, counts: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(machine, "STAT", stat)
    stat.write_text(LINE.format(user=700, idle=9000, steal=40))
    clock = machine.Clock(iter([50.0, 58.0]).__next__)
    stat.write_text(LINE.format(user=700 + here, idle=9000 + idle, steal=40 + stolen))
    assert clock.tick() == pytest.approx(8 * counts)


def test_where_nobody_tells_every_second_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "STAT", tmp_path / "nothing")
    assert machine.Clock(iter([50.0, 58.0]).__next__).tick() == 8
