"""The stock event bus, unmodified: its consumer with an empty receiver or one that does the durable work, its producer.

The receiver is what a careful developer writes: one transaction with a dedupe row, an enrollment per line and a result
row by the ORM, then the result event. It is timed from the 51st event on, when everything is warm.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition
from django.conf import settings
from django.db import transaction
from edx_event_bus_kafka import KafkaEventConsumer
from openedx_events.event_bus import get_producer

from benchmarks import database
from benchmarks.models import Enrollment, Processed, Result
from benchmarks.waiting import SECONDS
from commerce_events import topics
from commerce_events.data import FulfillmentData, OrderData
from commerce_events.signals import FULFILLMENT_COMPLETED, ORDER_PAID

WARM = 50


def empty(count: int) -> dict[str, Any]:
    """Receive and do nothing."""
    return _consume(count, lambda order, metadata: None)


def full(count: int) -> dict[str, Any]:
    """Receive and do everything."""
    database.empty()
    return _consume(count, _fulfil)


def waiting(count: int) -> dict[str, Any]:
    """As :func:`full`, with a platform that takes 5 ms for each enrollment."""
    database.empty()

    def receiver(order: OrderData, metadata: Any) -> None:
        time.sleep(SECONDS * len(order.lines))
        _fulfil(order, metadata)

    return _consume(count, receiver)


def send(count: int) -> dict[str, Any]:
    """Publish result events, and wait for all of them at the end."""
    producer = get_producer()
    sample = OrderData(
        source="shop", order_id="o-1", order_key="shop:o-1", order_number="o-1", revision=0,
        paid_at=datetime.now(UTC), occurred_at=datetime.now(UTC), is_test=False, email_opt_in=False, learner=None,
        lines=[],
    )  # fmt: skip
    results = [_result(sample, number) for number in range(WARM + count)]
    for result in results[:WARM]:
        _send(result)
    producer.producer.flush()
    began = time.perf_counter()
    for result in results[WARM:]:
        _send(result)
    producer.prepare_for_shutdown()
    return {"events": count, "seconds": time.perf_counter() - began}


def _consume(count: int, receiver: Callable[[OrderData, Any], None]) -> dict[str, Any]:
    group = f"stock-{uuid4().hex[:12]}"
    _begin_at_zero(group)
    consumer = KafkaEventConsumer(topics.ORDER_TOPIC, group)
    seen, began, ended = 0, 0.0, 0.0

    def received(signal: Any, sender: Any, order: OrderData, metadata: Any, **_: Any) -> None:
        nonlocal seen, began, ended
        seen += 1
        if seen == WARM + 1:
            began = time.perf_counter()
        receiver(order, metadata)
        if seen == WARM + count:
            ended = time.perf_counter()
            consumer._shut_down()

    ORDER_PAID.connect(received, weak=False)
    consumer.consume_indefinitely()
    return {"events": count, "seconds": ended - began}


def _begin_at_zero(group: str) -> None:
    """A new stock group would begin at the end of the topic."""
    topic = topics.full_topic(topics.ORDER_TOPIC, settings.EVENT_BUS_TOPIC_PREFIX)
    client = Consumer({"bootstrap.servers": os.environ["COMMERCE_EVENTS_TEST_BOOTSTRAP"], "group.id": group})
    partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
    client.commit(offsets=[TopicPartition(topic, number, 0) for number in partitions], asynchronous=False)
    client.close()


def _fulfil(order: OrderData, metadata: Any) -> None:
    with transaction.atomic():
        _, is_new = Processed.objects.get_or_create(event_id=str(metadata.id))
        if not is_new:
            return
        for line in order.lines:
            Enrollment.objects.update_or_create(
                lms_user_id=order.learner.lms_user_id, course_key=line.course_key,
                defaults={"mode": line.mode, "is_active": True, "order_key": order.order_key},
            )  # fmt: skip
        Result.objects.create(order_key=order.order_key, status="ok", payload={"lines": len(order.lines)})
    _send(_result(order, 1))


def _send(result: FulfillmentData) -> None:
    get_producer().send(
        signal=FULFILLMENT_COMPLETED, topic=topics.FULFILLMENT_TOPIC, event_key_field="fulfillment.order_key",
        event_data={"fulfillment": result}, event_metadata=FULFILLMENT_COMPLETED.generate_signal_metadata(),
    )  # fmt: skip


def _result(order: OrderData, number: int) -> FulfillmentData:
    line = order.lines[0] if order.lines else None
    return FulfillmentData(
        result_id=uuid4(), installation="test-lms", source=order.source, order_id=order.order_id,
        order_key=order.order_key, order_number=order.order_number, line_id=line.line_id if line else "1",
        action="fulfill", outcome="completed", reason_code="enrolled", is_final=True, attempt=1, sequence=number,
        lms_user_id=order.learner.lms_user_id if order.learner else 1,
        course_key=line.course_key if line else "course-v1:OrgX+C1+2026", mode_after=line.mode if line else "verified",
        is_active_after=True, quantity=1, seats_used=1, decided_at=datetime.now(UTC),
    )  # fmt: skip
