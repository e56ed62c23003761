"""Kafka clients and the registry of a Django site, made from its settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from commerce_events.bus import conf, kafka
from commerce_events.bus.conf import BusSettings
from commerce_events.registry import Registry

log = logging.getLogger("commerce_events.kafka")

#: Seconds between two lines of one client about one kind of thing.
SELDOM = 10.0


class Seldom(logging.Filter):
    """Lets one line of each client and kind pass in a while: a broker that is away is worth a line, not 20 a second.

    librdkafka asks every broker anew, and says so, as long as none of them answers.
    """

    def __init__(self, seconds: float = SELDOM) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """The kind and the client are the first two arguments of librdkafka's lines."""
        kind = record.args[:2] if isinstance(record.args, tuple) else ()
        now = time.monotonic()
        if now - self._said.get(kind, float("-inf")) < self._seconds:
            return False
        self._said[kind] = now
        return True


log.addFilter(Seldom())


def producer(settings: BusSettings) -> Producer:
    """An idempotent producer; see ``conf.PRODUCER``."""
    return kafka.made(Producer, settings.client(**conf.PRODUCER, logger=log))


def consumer(settings: BusSettings, on_error: Callable[[KafkaError], None]) -> Consumer:
    """A member of the group, which commits only what the database holds. ``on_error`` hears what no message tells."""
    session = int(settings["SESSION_TIMEOUT"] * 1000)
    membership = {"session.timeout.ms": session, "heartbeat.interval.ms": session // 3, **settings.kafka}
    always = {**conf.CONSUMER, "group.id": settings.group, "error_cb": on_error}
    return kafka.made(Consumer, settings.client(**{**membership, **always}, logger=log))


def onlooker(settings: BusSettings) -> Consumer:
    """A consumer that never joins the group: for committed offsets, watermarks and looking back."""
    return kafka.made(Consumer, settings.client(**conf.CONSUMER, **{"group.id": settings.group}, logger=log))


def admin(settings: BusSettings) -> AdminClient:
    """For topic ids and topic creation."""
    return kafka.made(AdminClient, settings.client(logger=log))


def registry(settings: BusSettings) -> Registry:
    """The schema registry of the event bus."""
    return settings.registry()
