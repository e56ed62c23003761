"""One round: each loop once, those that are compared one after the other."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from benchmarks import latency, process, profile, recovery, sizes
from benchmarks import members as members_of
from benchmarks.site import Site
from benchmarks.webhooks import measure as webhooks


@dataclass(frozen=True)
class Counts:
    """How many events each kind of loop gets: seconds each, whatever its pace."""

    ours: int
    stock_full: int
    stock_empty: int
    stock_send: int
    store: int
    rows: int  # transactions of a store
    waiting: int
    members: int
    exported: int
    single: int  # orders, each in a transaction of its own
    webhooks: int
    seconds: float  # of each rate, for latency
    backlogs: tuple[int, ...]


FULL = Counts(
    ours=10_000, stock_full=200, stock_empty=1500, stock_send=1500, store=5000, rows=400, waiting=600, members=40_000,
    exported=100_000, single=100, webhooks=2000, seconds=4, backlogs=(1000, 10_000, 10_000, 10_000, 100_000),
)  # fmt: skip
QUICK = Counts(
    ours=2000, stock_full=60, stock_empty=200, stock_send=200, store=300, rows=60, waiting=150, members=6000,
    exported=5000, single=20, webhooks=200, seconds=1, backlogs=(1000, 3000),
)  # fmt: skip


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """Backlogs from a thousand on, each ten times the one before; the second thrice, because it is short and counts."""
    listed = [10**power for power in range(3, 9) if 10**power < largest]
    return tuple(sorted([*listed, *(size for size in listed if size == 10_000 for _ in range(2)), largest]))


@dataclass
class Rounds:
    """Runs rounds and keeps what they measured: database → loop → outcomes."""

    site: Site
    counts: Counts
    only: frozenset[str]
    say: Callable[[str], None]
    measured: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    loads: dict[str, list[float]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def run(self, database: str) -> None:
        """One round on one database."""
        self.loads.setdefault(database, []).append(round(os.getloadavg()[0], 1))
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
        if "P6" in only:
            self._store(database)
        if "P7" in only:
            for served in ("serve", "three-commits"):
                self.say(f"{database}: latency of {served}")
                with self.site.topics() as prefix:
                    outcome = latency.measure(self.site, database, prefix, served, self.counts.seconds)
                self._keep(database, served, outcome)
        if "P8" in only:
            self._members(database)
        if "P12" in only and database == next(iter(self.site.databases)):  # it has nothing to do with any
            self._export(database)
        if "P13" in only:
            self.say(f"{database}: webhooks")
            with self.site.topics() as prefix:
                measured = webhooks.measure(self.site, database, prefix, counts.webhooks, counts.seconds)
            for name, outcome in measured.items():
                self._keep(database, name, outcome)

    def once(self, database: str) -> None:
        """What is no pace: the profile, statements, which are counted, and recoveries, which are timed."""
        if "profile" in self.only:
            self.profile(database)
        if "P11" in self.only:
            with self._filled(database, self.counts.ours) as loop:
                loop("statements-group", self.counts.ours)
            with self._filled(database, self.counts.single) as loop:
                loop("statements-single", self.counts.single)
        if "P10" in self.only:
            stoppable = {
                "broker": self.site.broker.stoppable, "database": database in self.site.servers, "consumer": True,
            }  # fmt: skip
            for what, ours in stoppable.items():
                if not ours:
                    self.skipped.append(f"P10, {what} restarted, {database}: it is not ours to stop")
                    continue
                self.say(f"{database}: recovery from the {what}'s end")
                with self.site.topics() as prefix:
                    self._keep(database, "recovery", recovery.measure(self.site, database, prefix, what))

    def backlog(self, database: str, orders: int) -> None:
        """A backlog: memory, the processor's time, and what is left in tables and on topics."""
        with self._filled(database, orders) as loop:
            load = round(os.getloadavg()[0], 1)
            loop("backlog", orders)
            bytes_of = sizes.topic_bytes(self.site.broker.bootstrap, self.prefix)
            self.measured[database]["backlog"][-1].update(load=load, topics=bytes_of)

    def profile(self, database: str) -> None:
        """Where the time of the full path goes; the profiler slows it, so its pace is kept beside the shares."""
        if profile.program() is None:
            self.skipped.append("profile: py-spy is not installed")
            return
        with self._filled(database, self.counts.ours):
            self.say(f"{database}: profile")
            environment = self.site.environment(database, self.prefix, f"profile-{uuid4().hex[:10]}")
            self._keep(database, "profile", profile.path(self.counts.ours, environment))

    def _store(self, database: str) -> None:
        counts = self.counts
        with self.site.topics() as prefix:
            loop = self._loop(database, prefix)
            loop("store-client", counts.store)
            loop("stock-send-order", counts.stock_send)
            loop("store-outbox", counts.store)
            loop("store-client-waiting", counts.rows)
            loop("stock-send-order-waiting", counts.rows)
            loop("outbox-row", counts.rows)
            loop("hanging-registry", counts.rows)

    def _export(self, database: str) -> None:
        if find_spec("pyarrow") is None:
            self.skipped.append("P12: pyarrow is not installed")
            return
        loop = self._loop(database, "none")
        loop("export", self.counts.exported)
        loop("fastavro-read", self.counts.exported)

    def _members(self, database: str) -> None:
        count = self.counts.members
        with self._filled(database, count):
            for members in (1, 2):
                self.say(f"{database}: {members} on one backlog")
                group = f"members-{uuid4().hex[:10]}"
                try:
                    outcome = members_of.measure(self.site, database, self.prefix, group, members, count)
                except members_of.NeverTogetherError as error:
                    self.skipped.append(f"P8, {members} processes, {database}: {error}")
                    continue
                self._keep(database, f"members-{members}", outcome)

    @contextmanager
    def _filled(self, database: str, count: int) -> Iterator[Callable[[str, int], None]]:
        """Topics with ``count`` orders, and what runs a loop on them."""
        with self.site.topics() as prefix:
            self.prefix = prefix
            for sent in self.site.store(prefix).fill(count):
                if sent % 10_000 == 0:
                    self.say(f"{database}: {sent:,} of {count:,} orders onto the topic")
            yield self._loop(database, prefix)

    def _loop(self, database: str, prefix: str) -> Callable[[str, int], None]:
        group = f"benchmark-{uuid4().hex[:10]}"

        def loop(name: str, count: int) -> None:
            self.say(f"{database}: {name}")
            outcome = process.run(name, count, self.site.environment(database, prefix, group))
            self._keep(database, name, outcome)

        return loop

    def _keep(self, database: str, name: str, outcome: dict[str, Any]) -> None:
        if "events" in outcome and outcome.get("seconds"):  # none at all is a pace, too
            outcome.setdefault("rate", round(outcome["events"] / outcome["seconds"], 1))
        self.measured.setdefault(database, {}).setdefault(name, []).append(outcome)
