"""One round: each loop once, those that are compared one after the other."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from benchmarks import latency, process
from benchmarks.site import Site
from benchmarks.webhooks import measure as webhooks


@dataclass(frozen=True)
class Counts:
    """How many events each kind of loop gets: seconds each, whatever its pace."""

    ours: int
    stock_full: int
    stock_empty: int
    stock_send: int
    waiting: int
    webhooks: int
    seconds: float  # of each rate, for latency
    backlogs: tuple[int, ...]


FULL = Counts(
    ours=10_000, stock_full=200, stock_empty=1500, stock_send=1500, waiting=1000, webhooks=2000,
    seconds=4, backlogs=(10_000, 100_000),
)  # fmt: skip
QUICK = Counts(
    ours=2000, stock_full=60, stock_empty=200, stock_send=200, waiting=150, webhooks=200, seconds=1, backlogs=(2000,),
)  # fmt: skip


@dataclass
class Rounds:
    """Runs rounds and keeps what they measured: database → loop → outcomes."""

    site: Site
    counts: Counts
    only: frozenset[str]
    say: Callable[[str], None]
    measured: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def run(self, database: str) -> None:
        """One round on one database."""
        counts, only = self.counts, self.only
        if only & {"P1", "P3", "P5"}:
            with self._filled(database, counts.ours) as loop:
                # ours first: our worker looks for results of a lost history where its database is empty
                if "P3" in only:
                    loop("intake", counts.ours)
                if only & {"P3", "P5"}:
                    loop("stock-empty", counts.stock_empty)
                if only & {"P1", "P5"}:
                    loop("path", counts.ours)
                if "P5" in only:
                    loop("replay", counts.ours)
                if "P1" in only:
                    loop("stock-full", counts.stock_full)
                    loop("ceiling", counts.ours)
                    loop("small-ceiling", counts.ours)
        if "P2" in only:
            with self._filled(database, counts.waiting) as loop:
                loop("waiting-32", counts.waiting)
                loop("waiting-1", counts.waiting)
                loop("stock-waiting", counts.stock_full)
        if "P4" in only:
            with self._filled(database, counts.ours) as loop:
                loop("without-relay", counts.ours)
                loop("relay", counts.ours)
                loop("stock-send", counts.stock_send)
        if "P7" in only:
            for served in ("serve", "three-commits"):
                self.say(f"{database}: latency of {served}")
                with self.site.topics() as prefix:
                    outcome = latency.measure(self.site, database, prefix, served, self.counts.seconds)
                self._keep(database, served, outcome)

        if "P13" in only:
            self.say(f"{database}: webhooks")
            with self.site.topics() as prefix:
                measured = webhooks.measure(self.site, database, prefix, counts.webhooks, counts.seconds)
            for name, outcome in measured.items():
                self._keep(database, name, outcome)

    def memory(self, database: str) -> None:
        """Backlogs of several sizes, once each."""
        for backlog in self.counts.backlogs:
            with self._filled(database, backlog) as loop:
                loop("memory", backlog)

    @contextmanager
    def _filled(self, database: str, count: int) -> Iterator[Callable[[str, int], None]]:
        """Topics with ``count`` orders, and what runs a loop on them."""
        with self.site.topics() as prefix:
            self.say(f"{database}: {count} orders onto the topic")
            for _ in self.site.store(prefix).fill(count):
                pass
            yield self._loop(database, prefix)

    def _loop(self, database: str, prefix: str) -> Callable[[str, int], None]:
        group = f"benchmark-{uuid4().hex[:10]}"

        def loop(name: str, count: int) -> None:
            self.say(f"{database}: {name}")
            outcome = process.run(name, count, self.site.environment(database, prefix, group))
            self._keep(database, name, outcome)

        return loop

    def _keep(self, database: str, name: str, outcome: dict[str, Any]) -> None:
        if outcome.get("events") and outcome.get("seconds"):
            outcome["rate"] = round(outcome["events"] / outcome["seconds"], 1)
        self.measured.setdefault(database, {}).setdefault(name, []).append(outcome)
