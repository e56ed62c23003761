"""Orders at a fixed rate, and the time until each one's first result can be read from the results topic."""
from __future__ import annotations

import statistics
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
        readings = Readings(site.broker.bootstrap, topics.full_topic(topics.FULFILLMENT_TOPIC, prefix))
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
                "hundredths": [round(spans[int(len(spans) * part / 100)] * 1000, 1) for part in range(100)],
            }
        store.client.flush(10)
        readings.client.close()
    return {"latency": found}


class Readings:
    """Reads results as they come and remembers when an order's first one did."""

    def __init__(self, bootstrap: str, topic: str, **more: Any) -> None:
        self.client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "benchmark-reader", "enable.auto.commit": False,
            "fetch.wait.max.ms": 10, **more,
        })  # fmt: skip
        self.client.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])

    def read(self) -> list[bytes]:
        """The keys of the results that have come."""
        return [message.key() or b"" for message in self.client.consume(500, 0.001)]

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
            for key in self.read():
                if key in sent and key not in spans:
                    spans[key] = time.perf_counter() - sent[key]
            if now - began > count / rate + PATIENCE:
                raise RuntimeError(f"{count - len(spans)} of {count} orders had no result")
        return list(spans.values())


@contextmanager
def _running(site: Site, database: str, prefix: str, served: str) -> Iterator[None]:
    running = process.started(served, site.environment(database, prefix, f"benchmark-{prefix}"))
    try:
        yield
    finally:
        process.ended(running)
