"""A store and its learners for the proofs: publishes orders, knows what must come of them, reads what did."""
from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition
from django.contrib.auth import get_user_model

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.bus.reader import Heard, Reader
from commerce_events.exceptions import TransientError
from commerce_events.identity import text_digest
from commerce_events.registry import Registry
from commerce_events.testing import builders
from consumers.fulfillment.reference.models import ReferenceCourse, ReferenceEnrollment
from tests.engines.broker import Broker

COURSES = [f"course-v1:TestX+C{i}+2026" for i in range(3)]


class Shop:
    """One store, some learners, three courses."""

    def __init__(self, broker: Broker, prefix: str, learners: int = 5) -> None:
        self.broker, self.prefix = broker, prefix
        self.client = StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, register=True)
        self.learners = [
            get_user_model().objects.create(username=f"learner{i}", email=f"learner{i}@example.com", is_active=True).pk
            for i in range(learners)
        ]
        for key in COURSES:
            ReferenceCourse.objects.create(
                digest=text_digest(key), course_key=key, modes={"audit": None, "verified": None, "honor": None}
            )
        self._known: set[str] = set()  # courses that are there
        self.expected: dict[tuple[int, str], str] = {}  # the seats that must be there at the end
        self.orders: list[str] = []

    def reconnect(self) -> None:
        """Publish by a new client."""
        self.client = StoreClient(self.broker.bootstrap, self.broker.registry_url, prefix=self.prefix, register=True)

    def paid(self, number: int, **more: Any) -> dict[str, Any]:
        """Publish an order of two seats for one learner; orders never share a seat."""
        order_id = f"o{number}"
        learner = self.learners[number % len(self.learners)]
        first = number // len(self.learners) * 2
        keys = [f"{COURSES[(first + i) % len(COURSES)]}-{first + i}" for i in range(2)]
        for key in keys:
            self._course(key)
            self.expected[learner, key] = "verified"
        lines = [builders.line(str(i), key) for i, key in enumerate(keys)]
        body = builders.order_paid(order_id, lms_user_id=learner, lines=lines, **more)
        self._publish(topics.ORDER_PAID_TYPE, body)
        self.orders.append(f"shop:{order_id}")
        return body

    def prepare(self, orders: int) -> None:
        """Make the courses of so many orders: what is published then needs no database."""
        for number in range(-(-orders // len(self.learners)) * 2):
            self._course(f"{COURSES[number % len(COURSES)]}-{number}")

    def _course(self, key: str) -> None:
        if key not in self._known:
            ReferenceCourse.objects.get_or_create(
                digest=text_digest(key), defaults={"course_key": key, "modes": {"audit": None, "verified": None}}
            )
            self._known.add(key)

    def _publish(self, event_type: str, body: dict[str, Any]) -> None:
        """Until the broker has it: the same content twice is one event."""
        until = time.monotonic() + 120
        while True:
            try:
                self.client.publish(event_type, body)
                return
            except TransientError:
                if time.monotonic() > until:
                    raise

    def refunded(self, number: int, lines: Iterable[int] = (0, 1)) -> None:
        """Publish the refund of some lines of an order, in full."""
        learner = self.learners[number % len(self.learners)]
        first = number // len(self.learners) * 2
        for i in lines:
            self.expected.pop((learner, f"{COURSES[(first + i) % len(COURSES)]}-{first + i}"), None)
        refund_lines = [builders.refund_line(str(i)) for i in lines]
        self._publish(
            topics.ORDER_REFUNDED_TYPE,
            builders.order_refunded(f"o{number}", is_full=len(refund_lines) == 2, lines=refund_lines),
        )

    def seats(self) -> dict[tuple[int, str], str]:
        """The seats that are there."""
        rows = ReferenceEnrollment.objects.filter(is_active=True).values_list("lms_user_id", "course_key", "mode")
        return {(user, key): mode for user, key, mode in rows}

    def results(self) -> list[Heard]:
        """Everything on the results topic, in the order of each partition."""
        topic = topics.full_topic(topics.FULFILLMENT_TOPIC, self.prefix)
        config = {"bootstrap.servers": self.broker.bootstrap}
        reader = Reader(config, Registry(self.broker.registry_url), [topic], "earliest")
        try:
            ends = sum(reader.client.get_watermark_offsets(p, timeout=10)[1] for p in reader.client.assignment())
            heard: list[Heard] = []
            until = time.monotonic() + 20
            while len(heard) < ends and time.monotonic() < until:
                heard += reader.read(0.5)
            return heard
        finally:
            reader.close()

    def end(self, topic: str, partition: int) -> int:
        """The next offset of a partition."""
        reader = Reader({"bootstrap.servers": self.broker.bootstrap}, Registry(self.broker.registry_url), [topic])
        try:
            high: int = reader.client.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
            return high
        finally:
            reader.close()

    def close(self) -> None:
        self.client.close()


def by_order(heard: Iterable[Heard]) -> dict[str, list[dict[str, Any]]]:
    """Results of each order as they stand on the topic, repetitions included."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in heard:
        assert not each.problem, each.problem
        assert each.key == each.body["fulfillment"]["order_key"]
        found[each.key].append(each.body["fulfillment"])
    return found
