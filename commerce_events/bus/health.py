"""A file that says whether every stage of this process is alive and getting somewhere.

An orchestrator's liveness probe looks at the file's age and first word: ``ok`` is written only while each stage has
made a round lately; a stage that waits – for a database, a broker – or stands still takes the word away (I12).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from commerce_events.exceptions import OperatorError

log = logging.getLogger(__name__)

#: A stage that made no round for so many seconds stands still.
STILL = 60.0
EVERY = 2.0


class Health:
    """Beats of the stages. ``path`` empty: nothing is written.

    Raises:
        OperatorError: the file could not be written.
    """

    def __init__(self, path: str, stages: Iterable[str]) -> None:
        self.path = Path(path) if path else None
        self._lock = threading.Lock()
        self._beats: dict[str, float] = dict.fromkeys(stages, time.monotonic())
        self._waiting: dict[str, str] = {}
        self._halted: list[str] = []
        self._written = float("-inf")
        self._failing = False
        if self.path is not None:
            try:
                probe = self._beside(self.path)
                probe.touch()
                probe.unlink()
            except OSError as error:
                raise OperatorError(
                    f"the health file {self.path} cannot be written: {error.strerror}",
                    hint="Does its folder exist, and may this process write there?",
                ) from error

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

    def halted(self, places: Iterable[str]) -> None:
        """The partitions and topics that are ours to read and wait for an operator."""
        now = sorted(places)
        with self._lock:
            changed, self._halted = now != self._halted, now
        if changed:
            self._write(force=True)

    def over(self, stage: str) -> None:
        """What makes no rounds, such as the beginning, has got on."""
        with self._lock:
            changed = self._waiting.pop(stage, None) is not None
        self._write(force=changed)

    def gets_on(self, stage: str) -> bool:
        """The stage makes its rounds and waits for nothing."""
        with self._lock:
            return stage not in self._waiting and time.monotonic() - self._beats[stage] <= STILL

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
            lines += [f"{place} is halted" for place in self._halted]
        return "\n".join(lines) or "ok"

    def _write(self, force: bool = False) -> None:
        now = time.monotonic()
        if self.path is None or (not force and now - self._written < EVERY):
            return
        self._written = now
        try:
            fresh = self._beside(self.path)
            fresh.write_text(f"{self.state()}\n")
            fresh.replace(self.path)
            self._failing = False
        except OSError as error:  # a full disk stops no stage; the file grows old, and the probe sees that
            if not self._failing:
                log.error("the health file %s cannot be written: %s", self.path, error.strerror)
            self._failing = True

    @staticmethod
    def _beside(path: Path) -> Path:
        return path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")

    def close(self) -> None:
        """A process that has ended is not healthy."""
        if self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                log.error("the health file %s cannot be removed: %s", self.path, error.strerror)
