"""What a handler has to do beside handling, round by round: sweeps, reminders, calls to somebody else.

A handler names its chores (``types.Handler``); each has a thread of its own wherever events are handled, so that one
which waits stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from commerce_events.bus.run import POLL, Run


class ChoreLoop:
    """Does one chore until the run ends."""

    def __init__(self, run: Run, name: str, chore: Callable[[datetime], int]) -> None:
        self.state, self.name, self.chore = run, name, chore
        run.idle[name] = False

    def run(self) -> None:
        """Do it, again and again."""
        state = self.state
        while not state.stopping.is_set():
            if not state.patiently(self.name, self.once):
                return

    def once(self) -> None:
        """One round, and a pause if there was nothing to do."""
        state = self.state
        state.trust()
        done = self.chore(state.clock())
        state.health.beat(self.name)
        if done:
            state.wake("relay")
        state.idle[self.name] = not done
        if not done:
            state.stopping.wait(POLL)
