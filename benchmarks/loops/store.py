"""A store's side: from an order's object to the broker's word, by our client, by our outbox, and by the stock producer.

All begin with the same ``OrderData``. The stock producer neither validates nor keeps anything for the time the broker
is away; beside each of ours stands the stock call that gives the same promise where there is one.
"""
from __future__ import annotations

import select
import socket
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from openedx_events.event_bus import get_producer

from benchmarks import database
from benchmarks.loops.ours import drained
from benchmarks.models import Processed, Result
from benchmarks.orders import order
from commerce_events import objects, publishing, topics
from commerce_events.bus.client import Placed, StoreClient
from commerce_events.data import OrderData
from commerce_events.signals import ORDER_PAID

WARM = 50
#: Orders of one transaction where a store writes many at once: a nightly export, a sweep.
TOGETHER = 100


class Unhurried(StoreClient):
    """The client without its wait for each single acknowledgement: ``close`` waits for all, as the stock one does."""

    def _send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Placed:
        self._producer.produce(topic, key=key, value=value, headers=headers)  # type: ignore[arg-type]
        self._producer.poll(0)
        return Placed(topic, -1, -1)


def client(count: int) -> dict[str, Any]:
    """Validate, encode, produce; one wait at the end."""
    # librdkafka's own pause, which the stock producer has, too
    with _client(Unhurried, **{"linger.ms": 5, "queue.buffering.max.messages": 500_000}) as store:
        return _timed(count, store.publish_order_paid, store.close)


def client_waiting(count: int) -> dict[str, Any]:
    """As every store calls it: an answer for each order."""
    with _client(StoreClient) as store:
        return _timed(count, store.publish_order_paid)


def stock(count: int) -> dict[str, Any]:
    """The stock ``send``; one wait at the end."""
    return _timed(count, _stock_send, get_producer().prepare_for_shutdown)


def stock_waiting(count: int) -> dict[str, Any]:
    """The stock ``send`` and a wait for each order."""
    def sent(paid: OrderData) -> None:
        _stock_send(paid)
        get_producer().producer.flush()

    return _timed(count, sent)


def outbox(count: int) -> dict[str, Any]:
    """Published in transactions of many orders, then relayed: everything that the durable way costs."""
    database.empty()
    made = _orders(WARM + count)
    _publish(made[:WARM])
    began = time.perf_counter()
    for first in range(WARM, WARM + count, TOGETHER):
        _publish(made[first : first + TOGETHER])
    written = time.perf_counter() - began
    published, seconds = drained()
    assert published == WARM + count, published
    return {"events": count, "seconds": written + seconds, "written": written}


def _publish(together: list[OrderData]) -> None:
    with transaction.atomic():
        publishing.publish_locked((topics.ORDER_PAID_TYPE, objects.body("order", paid)) for paid in together)


def outbox_row(count: int) -> dict[str, Any]:
    """What a store's transaction of one insert costs, with one insert more, and with an event more.

    The three alternate. ``locked`` is the event of a store that holds a lock of its own on the order already.
    """
    database.empty()
    made = _orders(count)

    def insert() -> None:
        Result.objects.create(order_key="shop:1", status="ok", payload={})

    kinds: dict[str, Callable[[OrderData], object]] = {
        "alone": lambda paid: None,
        "insert": lambda paid: Processed.objects.create(event_id=f"{paid.order_id}"),
        "event": publishing.publish_order_paid,
        "locked": lambda paid: publishing.publish_locked([(topics.ORDER_PAID_TYPE, objects.body("order", paid))]),
    }
    spans: dict[str, list[float]] = {kind: [] for kind in kinds}
    for paid in made:
        for kind, more in kinds.items():
            began = time.perf_counter()
            with transaction.atomic():
                insert()
                more(paid)
            spans[kind].append(time.perf_counter() - began)
    typical = {kind: statistics.median(listed[WARM // 5 :]) * 1e6 for kind, listed in spans.items()}
    row = {kind: round(typical[kind] - typical["alone"], 1) for kind in ("insert", "event", "locked")}
    return {"transactions": count, "microseconds": {"transaction": round(typical["alone"], 1), **row}}


def hanging_registry(count: int) -> dict[str, Any]:
    """Publish while the registry takes connections and never answers: how long, and whether anybody asked it."""
    database.empty()
    with socket.create_server(("127.0.0.1", 0)) as registry:
        settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = f"http://127.0.0.1:{registry.getsockname()[1]}"
        spans = []
        for paid in _orders(count):
            began = time.perf_counter()
            with transaction.atomic():
                publishing.publish_order_paid(paid)
            spans.append((time.perf_counter() - began) * 1000)
        asked, _, _ = select.select([registry], [], [], 0)
    spans.sort()
    return {
        "transactions": count, "p50": round(statistics.median(spans), 2), "slowest": round(spans[-1], 1),
        "asked": bool(asked),
    }  # fmt: skip


def _orders(count: int) -> list[OrderData]:
    at = objects.moment(datetime.now(UTC))
    return [objects.from_dict(topics.ORDER_PAID_TYPE, order(number, at)) for number in range(count)]


def _client(kind: type[StoreClient], **kafka: Any) -> StoreClient:
    return kind(
        settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS, settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL,
        prefix=settings.EVENT_BUS_TOPIC_PREFIX, register=True, kafka=kafka,
    )  # fmt: skip


def _stock_send(paid: OrderData) -> None:
    get_producer().send(
        signal=ORDER_PAID, topic=topics.ORDER_TOPIC, event_key_field="order.order_key", event_data={"order": paid},
        event_metadata=ORDER_PAID.generate_signal_metadata(),
    )  # fmt: skip


def _timed(count: int, call: Callable[[OrderData], object], end: Callable[[], object] = lambda: None) -> dict[str, Any]:
    made = _orders(WARM + count)
    for paid in made[:WARM]:
        call(paid)
    began, busy = time.perf_counter(), time.process_time()
    for paid in made[WARM:]:
        call(paid)
    end()
    return {"events": count, "seconds": time.perf_counter() - began, "busy": time.process_time() - busy}
