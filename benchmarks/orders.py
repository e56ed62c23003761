"""The orders that every loop reads: one to three lines, twenty thousand learners, two hundred courses."""
from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer

from commerce_events import topics, wire
from commerce_events.registry import Registry

LEARNERS = 20_011  # a prime: consecutive orders have different learners
COURSES = [f"course-v1:OrgX+C{number}+2026" for number in range(200)]
MODES = ("verified", "audit", "no-id-professional")


def order(number: int, paid_at: str) -> dict[str, Any]:
    """The decoded body of an OrderPaid event."""
    order_id = f"o-{number:09d}"
    learner = {
        "lms_user_id": 1 + number * 7919 % LEARNERS, "username": None, "email": None, "email_verified": False,
        "store_customer_id": None,
    }  # fmt: skip
    return {
        "order": {
            "source": "shop", "order_id": order_id, "order_key": f"shop:{order_id}", "order_number": order_id,
            "revision": 0, "paid_at": paid_at, "occurred_at": paid_at, "is_test": False, "email_opt_in": False,
            "learner": learner, "lines": [_line(number, place) for place in range(1 + number % 3)],
        }
    }  # fmt: skip


def _line(number: int, place: int) -> dict[str, Any]:
    return {
        "line_id": f"{number}-{place}", "product_kind": "course_seat",
        "course_key": COURSES[(number // 97 + 3 * place) % len(COURSES)], "mode": MODES[place % 3], "sku": None,
        "quantity": 1, "credit_provider": None, "course_uuid": None, "beneficiary": None,
    }  # fmt: skip


class Store:
    """Publishes orders as a store does, without Django."""

    def __init__(self, bootstrap: str, registry_url: str, prefix: str, linger: float = 20, **more: Any) -> None:
        self.topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
        subject = topics.subject(self.topic, topics.ORDER_PAID_TYPE)
        self.schema_id = Registry(registry_url).register(subject, wire.schema_text(topics.ORDER_PAID_TYPE))
        self.client = Producer({
            "bootstrap.servers": bootstrap, "linger.ms": linger, "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 500_000, "log_level": 3, **more,
        })  # fmt: skip

    def send(self, number: int) -> str:
        """One order; answers its key."""
        now = datetime.now(UTC)
        body = order(number, wire.moment(now))
        key: str = body["order"]["order_key"]
        self.client.produce(
            self.topic, key=key.encode(),
            value=wire.frame(self.schema_id, wire.encode(topics.ORDER_PAID_TYPE, body)),
            headers=wire.headers(topics.ORDER_PAID_TYPE, uuid.uuid4(), now, "shop"),
        )  # fmt: skip
        self.client.poll(0)
        return key

    def fill(self, count: int) -> Iterator[int]:
        """Orders 0 to ``count``; yields now and then how many were sent."""
        for number in range(count):
            self.send(number)
            if number % 1000 == 999:
                yield number + 1
            if number % 100_000 == 99_999:
                self.client.flush(60)
        if self.client.flush(60):
            raise RuntimeError("the broker did not acknowledge the orders")
