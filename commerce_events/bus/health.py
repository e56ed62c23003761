"""A file that says whether every stage of this process is alive and getting somewhere.

An orchestrator's liveness probe looks at the file's age and first word: ``ok`` is written only while each stage has
made a round lately; a stage that waits – for a database, a broker – or stands still takes the word away (I12).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

#: A stage that made no round for so many seconds stands still.
STILL = 60.0
EVERY = 2.0


class Health:
    """Beats of the stages. ``path`` empty: nothing is written."""

    def __init__(self, path: str, stages: Iterable[str]) -> None:
        self.path = Path(path) if path else None
        self._lock = threading.Lock()
        self._beats: dict[str, float] = dict.fromkeys(stages, time.monotonic())
        self._waiting: dict[str, str] = {}
        self._written = float("-inf")

    def beat(self, stage: str) -> None:
        """The stage has made a round."""
        with self._lock:
            self._beats[stage] = time.monotonic()
            changed = self._waiting.pop(stage, None) is not None
        self._write(force=changed)

    def waiting(self, stage: str, what: str) -> None:
        """The stage cannot get on, and why."""
        with self._lock:
            self._waiting[stage] = what
        self._write(force=True)

    def over(self, stage: str) -> None:
        """The stage was one of the beginning – it makes no rounds – and has got on."""
        with self._lock:
            changed = self._waiting.pop(stage, None) is not None
        self._write(force=changed)

    def state(self) -> str:
        """``ok``, or one line per stage that is not."""
        now = time.monotonic()
        with self._lock:
            lines = [f"{stage} waits: {what}" for stage, what in sorted(self._waiting.items())]
            lines += [
                f"{stage} has stood still for {now - at:.0f} s"
                for stage, at in sorted(self._beats.items())
                if now - at > STILL and stage not in self._waiting
            ]
        return "\n".join(lines) or "ok"

    def _write(self, force: bool = False) -> None:
        now = time.monotonic()
        if self.path is None or (not force and now - self._written < EVERY):
            return
        self._written = now
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.{threading.get_ident()}")
        fresh.write_text(f"{self.state()}\n")
        fresh.replace(self.path)

    def close(self) -> None:
        """A process that has ended is not healthy."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
