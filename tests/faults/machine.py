"""What this machine had of its processors: a virtual one is given as much as its host can spare just now."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

STAT = Path("/proc/stat")


class Used(NamedTuple):
    """Ticks of all processors since the start, and how many of them the host gave to others (steal)."""

    ticks: int
    stolen: int


def used() -> Used:
    """Now; nothing where nobody tells (Linux does)."""
    try:
        all_of_them = STAT.read_text(encoding="ascii").partition("\n")[0]
        ticks = [int(each) for each in all_of_them.split()[1:9]]  # user, nice, system, idle, …; the eighth is steal
        return Used(sum(ticks), ticks[7])
    except (OSError, ValueError, IndexError):
        return Used(0, 0)


class Clock:
    """Seconds as they would have gone on a machine of our own: of one in which the host gave a third of the processors
    to others, two thirds count.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now, self.seconds = now, 0.0
        self._at, self._used = now(), used()

    def tick(self) -> float:
        """What has gone so far. To be asked every second or so."""
        at, now = self.now(), used()
        ticks, stolen = now.ticks - self._used.ticks, now.stolen - self._used.stolen
        self.seconds += (at - self._at) * (1 - stolen / ticks if ticks > 0 else 1.0)
        self._at, self._used = at, now
        return self.seconds
