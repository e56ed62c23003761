"""What this machine had of its processors: a virtual one is given as much as its host can spare just now."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

STAT = Path("/proc/stat")


class Used(NamedTuple):
    """Ticks of all processors since the start: those that did something, and those in which one that had something to
    do was taken away (steal).
    """

    here: int
    stolen: int


def used() -> Used:
    """Now; nothing where nobody tells (Linux does)."""
    try:
        all_of_them = STAT.read_text(encoding="ascii").partition("\n")[0]
        user, nice, system, _idle, _waiting, irq, softirq, steal, *_ = map(int, all_of_them.split()[1:])
    except (OSError, ValueError):
        return Used(0, 0)
    return Used(user + nice + system + irq + softirq, steal)


class Clock:
    """Seconds as they would have gone on a machine of our own: of one in which the host gave us a third of what we
    wanted, a third counts.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now, self.seconds = now, 0.0
        self._at, self._used = now(), used()

    def tick(self) -> float:
        """What has gone so far. To be asked every second or so."""
        at, ticks = self.now(), used()
        here, stolen = ticks.here - self._used.here, ticks.stolen - self._used.stolen
        self.seconds += (at - self._at) * (here / (here + stolen) if here + stolen > 0 else 1.0)
        self._at, self._used = at, ticks
        return self.seconds
