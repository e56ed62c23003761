"""A broker with a state: what its producers queued is delivered, or not, when they are polled."""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException


@dataclass
class Delivered:
    """A message on the broker, as a delivery report names it."""

    of_topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    at: int

    def topic(self) -> str:
        return self.of_topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


@dataclass
class Broker:
    """``takes`` messages are taken, then it is away; a producer has ``room`` for so many, none for ``too_large``."""

    takes: float = float("inf")
    room: float = float("inf")
    too_large: Callable[[bytes], bool] = lambda value: False
    refuses: Callable[[bytes], bool] = lambda value: False
    loses: Callable[[bytes], bool] = lambda value: False  # with this message the producer loses its place
    log: list[Delivered] = field(default_factory=list)
    producers: list[Producer] = field(default_factory=list)

    def producer(self) -> Any:
        self.producers.append(Producer(self))
        return self.producers[-1]


class Producer:
    """librdkafka's producer, as far as the relay uses it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.queue: list[tuple[Delivered, Callable[[Any, Any], None]]] = []
        self.given: list[bytes] = []
        self.lost = False
        self.closed = threading.Event()

    def produce(self, topic: str, key: bytes, value: bytes, headers: Any, on_delivery: Any) -> None:
        self._raise_if_lost()
        if len(self.queue) >= self.broker.room or self.broker.too_large(value):
            raise BufferError("Local: Queue full")
        self.given.append(value)
        self.queue.append((Delivered(topic, key, value, headers, -1), on_delivery))

    def poll(self, timeout: float) -> int:
        self._raise_if_lost()
        served = 0
        while self.queue and self.broker.takes >= 1:
            message, report = self.queue.pop(0)
            served += 1
            self.lost = self.broker.loses(message.value)
            self._raise_if_lost()
            if self.broker.refuses(message.value):
                report("the broker refuses", message)
                continue
            self.broker.takes -= 1
            message.at = len(self.broker.log)
            self.broker.log.append(message)
            report(None, message)
        return served

    def purge(self) -> None:
        self.queue.clear()

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return len(self.queue)

    def close(self) -> bool:
        self.closed.set()
        return True

    def _raise_if_lost(self) -> None:
        if self.lost:
            raise KafkaException(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "the place is lost", True))
