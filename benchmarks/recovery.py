"""How long orders wait when something dies: the broker, the database, a consumer.

Orders are published all the time. An outage ends when the other side answers again – with a consumer's death it begins
and ends at once –, and recovery is over when every order that was published until shortly after that has its result.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks import process
from benchmarks.latency import Readings
from benchmarks.orders import Store
from benchmarks.site import Site
from commerce_events import topics

RATE = 50  # orders a second
WARM = 100
PATIENCE = 90.0
#: Seconds of orders after the end of an outage that must be answered, too. After a consumer's death long enough for an
#: order in each of the partitions that it had.
AFTER = {"broker": 0.5, "database": 0.5, "consumer": 3.0}
SESSION = 6.0  # as tests/settings.py has it
#: Our side's clients must not be what is waited for.
EAGER = {"reconnect.backoff.max.ms": 200, "log_level": 0}


def measure(site: Site, database: str, prefix: str, what: str) -> dict[str, Any]:
    """Seconds of one recovery, and of the outage before it."""
    variables = site.environment(database, prefix, f"benchmark-{prefix}")
    running = [process.started("serve", variables)]
    try:
        flow = _Flow(site, prefix)
        flow.until(lambda: len(flow.spans) >= WARM)
        if what == "consumer":
            running.append(process.started("serve", {**variables, "BENCHMARK_JOINS": "1"}))
            flow.until_after(3)  # partitions are shared by now; the relay's right is with the first one
            began = time.perf_counter()
            running[0].kill()
            outage = 0.0
        else:
            server = site.broker.engine.broker if what == "broker" else site.servers[database]
            restarting = threading.Thread(target=server.restart)
            began = time.perf_counter()
            restarting.start()
            flow.until(lambda: not restarting.is_alive())
            outage = time.perf_counter() - began
        back = began + outage
        recovered = flow.answered(back + AFTER[what]) - back
        return {"what": what, "outage": round(outage, 2), "recovery": round(recovered, 2), "orders": len(flow.spans)}
    finally:
        for each in running:
            process.ended(each)


class _Flow:
    """Orders at a steady pace, and their results as they come."""

    def __init__(self, site: Site, prefix: str) -> None:
        self.store: Store = site.store(prefix, linger=0, **EAGER)
        full = topics.full_topic(topics.FULFILLMENT_TOPIC, prefix)
        self.readings = Readings(site.broker.bootstrap, full, **EAGER)
        self.sent: dict[bytes, float] = {}
        self.spans: dict[bytes, float] = {}
        self.began = time.perf_counter()

    def until(self, over: Callable[[], bool]) -> None:
        """Publish and read until something is so."""
        until = time.perf_counter() + PATIENCE
        while not over():
            now = time.perf_counter()
            if now > until:
                raise RuntimeError(f"{len(self.sent) - len(self.spans)} orders have no result after {PATIENCE:.0f} s")
            while len(self.sent) < (now - self.began) * RATE:
                self.sent[self.store.send(len(self.sent)).encode()] = time.perf_counter()
            for key in self.readings.read():
                if key in self.sent:
                    self.spans.setdefault(key, time.perf_counter())

    def until_after(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() > end)

    def answered(self, moment: float) -> float:
        """When the last of the orders that are published until ``moment`` was answered."""
        self.until(lambda: time.perf_counter() > moment)
        awaited = {key for key, at in self.sent.items() if at <= moment}
        self.until(lambda: awaited <= self.spans.keys())
        return max(self.spans[key] for key in awaited)
