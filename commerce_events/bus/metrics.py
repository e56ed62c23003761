"""What Prometheus may ask of a consumer: what this process did, whether its stages get on, what waits in the database.

Off unless an address is given (``METRICS``, ``--metrics``). Counts are of this process; what waits is the site's, read
from the database when asked and kept for a hundred times as long as that took, so that however many ask, and however
large the tables are, it costs a hundredth of one connection. No label names a learner, an order or a course.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Min

from commerce_events.bus.clock import utc_now
from commerce_events.bus.run import Run
from commerce_events.exceptions import OperatorError
from commerce_events.models import DeadLetter, Inbox, OutboxBatch, Position

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

#: An answer of the database is good for so many seconds, and for so many times the seconds that it took.
FRESH, TIMES = 10.0, 100.0
#: Name → what it counts, as the docs list them.
COUNTERS = {
    "received": "Messages taken from Kafka.",
    "handled": "Events decided.",
    "duplicates": "Events that were known already.",
    "dead": "Messages set aside because they could not be read.",
    "published": "Messages acknowledged by the broker.",
}
GAUGES = {
    "stage_up": "1 while the stage gets on, 0 while it waits or stands still; by stage.",
    "breaker_open": "1 while handling pauses because nearly every decision failed.",
    "database_up": "1 if the database answered; what waits is told only then.",
    "due_events": "Events that could be handled now.",
    "due_oldest_seconds": "How long the oldest of them has been due.",
    "retrying_events": "Events that failed and are tried again by themselves.",
    "held_events": "Events that wait for a person.",
    "open_dead_letters": "Unreadable messages that nobody has settled.",
    "unsent_batches": "Transactions whose messages were not all published.",
    "unsent_oldest_seconds": "How long the oldest of them has waited.",
    "halted_partitions": "Partitions of this group that wait for an operator.",
}
PREFIX = "commerce_events_"


def others() -> list[ModuleType]:
    """Modules of other apps that tell what waits there: each has ``GAUGES`` and ``waiting()``, as here."""
    return [import_module(app.commerce_metrics) for app in apps.get_app_configs() if hasattr(app, "commerce_metrics")]


def gauges() -> dict[str, str]:
    """Every gauge, and what it says."""
    return GAUGES | {name: said for other in others() for name, said in other.GAUGES.items()}


class Collector:
    """Answers a scrape. Threads may ask at once."""

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._clock = run, clock
        self._lock = threading.Lock()
        self._stale_at, self._waiting = float("-inf"), dict[str, float]()

    def describe(self) -> Iterator[Metric]:
        """Nothing: to be registered must not wait for a database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every metric, as Prometheus' client library wants it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, said in COUNTERS.items():
            yield CounterMetricFamily(PREFIX + name, said, value=getattr(self._run.totals, name))
        stages = GaugeMetricFamily(PREFIX + "stage_up", GAUGES["stage_up"], labels=["stage"])
        for stage in sorted(self._run.options.stages):
            stages.add_metric([stage], float(self._run.health.gets_on(stage)))
        yield stages
        yield GaugeMetricFamily(
            PREFIX + "breaker_open", GAUGES["breaker_open"], value=float(self._run.breaker.is_open)
        )
        told = gauges()
        for name, value in self._fresh().items():
            yield GaugeMetricFamily(PREFIX + name, told[name], value=value)

    def _fresh(self) -> dict[str, float]:
        with self._lock:
            begun = self._clock()
            if begun >= self._stale_at:
                self._waiting = self._look()
                now = self._clock()
                self._stale_at = now + max(FRESH, TIMES * (now - begun))
            return self._waiting

    def _look(self) -> dict[str, float]:
        try:
            found = {"database_up": 1.0, **_waiting(self._run.settings.group)}
            for other in others():
                found |= other.waiting()
            return found
        except (DatabaseError, InterfaceError):
            return {"database_up": 0.0}
        finally:
            connection.close()  # of the thread that answers, which may be a new one each time


def _waiting(group: str) -> dict[str, float]:
    now = utc_now()
    due = Inbox.objects.filter(state=Inbox.State.PENDING, due_at__lte=now)
    oldest_due = due.aggregate(oldest=Min("due_at"))["oldest"]
    oldest_unsent = OutboxBatch.objects.aggregate(oldest=Min("created_at"))["oldest"]
    return {
        "due_events": due.count(),
        "due_oldest_seconds": (now - oldest_due).total_seconds() if oldest_due else 0.0,
        "retrying_events": Inbox.objects.filter(due_at__isnull=False, attempts__gt=0).count(),
        "held_events": Inbox.objects.filter(state=Inbox.State.HELD).count(),
        "open_dead_letters": DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count(),
        "unsent_batches": OutboxBatch.objects.count(),
        "unsent_oldest_seconds": (now - oldest_unsent).total_seconds() if oldest_unsent else 0.0,
        "halted_partitions": Position.objects.filter(group=group).exclude(halted="").count(),
    }


def serve(run: Run, address: str) -> Callable[[], None]:
    """Answer scrapes at ``host:port`` in a thread; answers what ends it.

    Raises:
        OperatorError: the address is wrong or taken, or the client library is not installed.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise OperatorError(f"METRICS is {address!r}", hint="host:port, such as 127.0.0.1:9464; [::]:9464 for all.")
    try:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
    except ImportError as error:
        raise OperatorError(
            "metrics need prometheus-client", hint="pip install 'openedx-commerce-events[metrics]'."
        ) from error
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(Collector(run))
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        raise OperatorError(
            f"metrics cannot be served at {address}: {getattr(error, 'strerror', None) or 'no such port'}",
            hint="Is the port taken by another process?",
        ) from error

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    return end

