"""The second stage, round by round: what is due is shared out among the threads of this process."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection

from commerce_events.bus.handle import Handle
from commerce_events.bus.run import POLL, Run

#: How many shares a thread finds in one look at the database.
AHEAD = 8


class HandleLoop:
    """Handles due events until the run ends."""

    def __init__(self, run: Run) -> None:
        self.state = run
        self.handle = Handle(
            run.handlers,
            group=run.settings["BATCH"],
            unknown_attempts=run.settings["UNKNOWN_ATTEMPTS"],
            transient_for=timedelta(hours=run.settings["TRANSIENT_HOURS"]),
            breaker=run.breaker,
            sources=run.sources,
        )
        self.group = self.handle.group if self.handle.bulk else 1

    def run(self) -> None:
        """Handle, until the run ends."""
        state = self.state
        with ThreadPoolExecutor(state.options.concurrency, "handle") as pool:
            while not state.stopping.is_set():
                if not state.patiently("handle", lambda: self.round(pool)):
                    return

    def round(self, pool: ThreadPoolExecutor) -> None:
        """Look once, and handle what is due."""
        state, group, workers = self.state, self.group, self.state.options.concurrency
        state.trust()
        state.begin_round("handle")
        streams = self.handle.due(state.clock(), 1 if state.breaker.is_open else group * workers * AHEAD)
        if state.breaker.is_open:
            state.health.waiting("handle", state.breaker.says)
        else:
            state.health.beat("handle")
        if not streams:
            state.idle["handle"] = True
            state.rest("handle")
            return
        state.idle["handle"] = False
        shares = [streams[i : i + group] for i in range(0, len(streams), group)]
        if workers == 1:
            done = sum(self._share(share) for share in shares)
        else:
            futures: list[Future[int]] = [pool.submit(self._share_in_pool, share) for share in shares]
            wait(futures)
            done = sum(future.result() for future in futures)
        state.totals.handled += done
        if not done:  # claimed by others, or waiting after a failure
            state.rest("handle", POLL if state.breaker.is_open else 0.05)

    def _share(self, share: list[int]) -> int:
        state = self.state
        if state.stopping.is_set():
            return 0
        done = self.handle.run(share, state.context())
        state.wake("relay")
        return done

    def _share_in_pool(self, share: list[int]) -> int:
        try:
            return self._share(share)
        except (DatabaseError, InterfaceError):
            connection.close()
            raise
