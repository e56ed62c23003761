"""What a person does who was called: follows docs/how-tos/consumer-stopped.rst, with the commands it names."""
from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from commerce_events.models import DeadLetter, Gap
from tests.engines.processes import MANAGE
from tests.faults.scene import Scene

#: What an intake says that has met more unreadable messages in a row than it sets aside by itself.
PAUSED = "messages in a row cannot be read"


@dataclass
class Person:
    """Looks after one run while it settles."""

    scene: Scene
    told: set[str] = field(default_factory=set)  # consumers that were started with --accept-poison
    redriven: int = 0  # open dead letters when they were last tried again

    def look(self) -> None:
        """Decide what waits for a decision."""
        if Gap.objects.filter(resolved_at=None).exists():
            self._accept_gaps()
        for member in self.scene.crew.consumers:
            with contextlib.suppress(OSError):
                if PAUSED in member.health.read_text(encoding="utf-8") and member.name not in self.told:
                    self.told.add(member.name)
                    self.scene.crew.note(f"a person starts {member.name} with --accept-poison")
                    member.command = [*member.command, "--accept-poison"]
                    member.kill()

    def redrive(self) -> bool:
        """Try open dead letters again, once all is read; True if one of them was readable now."""
        if not self.scene.misled:
            return False
        left = DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count()
        if left in (0, self.redriven):
            return False
        self._manage("commerce_dead_letters", "redrive", "--all", "--yes")
        self.redriven = DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count()
        return self.redriven < left

    def _accept_gaps(self) -> None:
        with self._without_consumers():
            for _ in range(6):  # who was killed is a member until its session ends
                if self._manage("commerce_gaps", "--accept", "all", "--yes", "--by", "operator") == 0:
                    return
                time.sleep(2)

    @contextlib.contextmanager
    def _without_consumers(self) -> Iterator[None]:
        """Stop every consumer; the orchestrator starts them again afterwards."""
        crew = self.scene.crew
        with crew._lock:
            for member in crew.consumers:
                member.tell()
            until = time.monotonic() + 15
            while any(member.code() is None for member in crew.consumers) and time.monotonic() < until:
                time.sleep(0.1)
            for member in crew.consumers:
                member.kill()
            yield

    def _manage(self, *arguments: str) -> int:
        scene = self.scene
        environment = {
            **os.environ, **scene.crew.environment, "COMMERCE_EVENTS_TEST_DATABASE": scene.url,
            "COMMERCE_EVENTS_TEST_BOOTSTRAP": scene.engines.bootstrap, "COMMERCE_EVENTS_TEST_REGISTRY": scene.registry,
        }  # fmt: skip
        try:
            ended = subprocess.run(
                [*MANAGE, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
            )
        except subprocess.TimeoutExpired:
            scene.crew.note(f"a person: {' '.join(arguments)}: no end in sight")
            return -1
        said = (ended.stdout + ended.stderr).strip().splitlines()
        scene.crew.note(f"a person: {' '.join(arguments)}: {ended.returncode} {said[-1] if said else ''}")
        return ended.returncode
