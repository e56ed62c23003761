"""Orders at a fixed rate, and the time until each one's first result can be read from the results topic."""
from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks import process
from benchmarks.orders import Store
from benchmarks.site import PARTITIONS, Site
from commerce_events import topics

RATES = (100, 1000)
WARM = 200  # orders before anything is measured
PATIENCE = 30.0


def measure(site: Site, database: str, prefix: str, served: str, seconds: float) -> dict[str, Any]:
    """Start what is served, and answer p50 and p99 in milliseconds for each rate."""
    with _running(site, database, prefix, served):
        readings = _Readings(site.broker.bootstrap, topics.full_topic(topics.FULFILLMENT_TOPIC, prefix))
        store = site.store(prefix, linger=0)
        readings.at_rate(store, 0, WARM, 100)
        first, found = WARM, {}
        for rate in RATES:
            count = int(rate * seconds)
            spans = sorted(readings.at_rate(store, first, count, rate))
            first += count
            found[str(rate)] = {
                "orders": count,
                "p50": round(statistics.median(spans) * 1000, 1),
                "p99": round(spans[int(len(spans) * 0.99) - 1] * 1000, 1),
            }
        store.client.flush(10)
        readings.client.close()
    return {"latency": found}


class _Readings:
    """Reads results as they come and remembers when an order's first one did."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "benchmark-reader", "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        })  # fmt: skip
        self.client.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])

    def at_rate(self, store: Store, first: int, count: int, rate: int) -> list[float]:
        """Publish ``count`` orders at ``rate`` a second; the seconds each took."""
        sent: dict[bytes, float] = {}
        spans: dict[bytes, float] = {}
        began = time.perf_counter()
        while len(spans) < count:
            now = time.perf_counter()
            due = min(count, int((now - began) * rate) + 1)
            while len(sent) < due:
                at = time.perf_counter()
                sent[store.send(first + len(sent)).encode()] = at
            for message in self.client.consume(500, 0.001):
                key = message.key()
                if key in sent and key not in spans:
                    spans[key] = time.perf_counter() - sent[key]
            if now - began > count / rate + PATIENCE:
                raise RuntimeError(f"{count - len(spans)} of {count} orders had no result")
        return list(spans.values())


@contextmanager
def _running(site: Site, database: str, prefix: str, served: str) -> Iterator[None]:
    environment = {**os.environ, **site.environment(database, prefix, f"benchmark-{prefix}")}
    with subprocess.Popen(
        process.command(served, 0), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        try:
            if said.strip() != "ready":
                raise RuntimeError(f"{served} did not start:\n{said}{running.stderr.read()[-2000:]}")
            yield
        finally:
            running.terminate()
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                running.kill()
