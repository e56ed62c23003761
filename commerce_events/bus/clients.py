"""Kafka clients and the registry of a Django site, made from its settings."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from commerce_events.bus import conf, kafka
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.membership import EVERY
from commerce_events.bus.seldom import log
from commerce_events.registry import Registry


def producer(settings: BusSettings) -> Producer:
    """An idempotent producer; see ``conf.PRODUCER``."""
    return kafka.made(Producer, settings.client(**conf.PRODUCER, logger=log))


def consumer(
    settings: BusSettings, on_error: Callable[[KafkaError], None], on_statistics: Callable[[str], None]
) -> Consumer:
    """A member of the group, which commits only what the database holds.

    Arguments:
        on_error: hears what no message tells.
        on_statistics: hears what no error tells, see :class:`~commerce_events.bus.membership.Membership`.
    """
    session = int(settings["SESSION_TIMEOUT"] * 1000)
    membership = {"session.timeout.ms": session, "heartbeat.interval.ms": session // 3, **settings.kafka}
    theirs = settings.kafka.get("stats_cb") or (lambda _: None)

    def told(statistics: str) -> None:
        on_statistics(statistics)
        theirs(statistics)

    always = {
        **conf.CONSUMER, "group.id": settings.group, "error_cb": on_error,
        "stats_cb": told, "statistics.interval.ms": int(EVERY * 1000),
    }  # fmt: skip
    return kafka.made(Consumer, settings.client(**{**membership, **always}, logger=log))


def onlooker(settings: BusSettings, on_error: Callable[[KafkaError], None] | None = None) -> Consumer:
    """A consumer that never joins the group: for committed offsets, watermarks and looking back."""
    always = {**conf.CONSUMER, "group.id": settings.group, **({"error_cb": on_error} if on_error else {})}
    return kafka.made(Consumer, settings.client(**always, logger=log))


def admin(settings: BusSettings) -> AdminClient:
    """For topic ids, and where partitions end."""
    return kafka.made(AdminClient, settings.client(logger=log))


def registry(settings: BusSettings) -> Registry:
    """The schema registry of the event bus."""
    return settings.registry()
