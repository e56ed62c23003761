"""Kafka clients and the registry of a Django site, made from its settings."""
from __future__ import annotations

import logging

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from commerce_events.bus import conf
from commerce_events.bus.conf import BusSettings
from commerce_events.registry import Registry

log = logging.getLogger("commerce_events.kafka")


def producer(settings: BusSettings) -> Producer:
    """An idempotent producer; see ``conf.PRODUCER``."""
    return Producer(settings.client(**conf.PRODUCER, logger=log))


def consumer(settings: BusSettings) -> Consumer:
    """A member of the group, which commits only what the database holds."""
    session = int(settings["SESSION_TIMEOUT"] * 1000)
    membership = {"session.timeout.ms": session, "heartbeat.interval.ms": session // 3, **settings.kafka}
    return Consumer(settings.client(**{**conf.CONSUMER, **membership, "group.id": settings.group}, logger=log))


def onlooker(settings: BusSettings) -> Consumer:
    """A consumer that never joins the group: for committed offsets, watermarks and looking back."""
    return Consumer(settings.client(**conf.CONSUMER, **{"group.id": settings.group}, logger=log))


def admin(settings: BusSettings) -> AdminClient:
    """For topic ids and topic creation."""
    return AdminClient(settings.client(logger=log))


def registry(settings: BusSettings) -> Registry:
    """The schema registry of the event bus."""
    return Registry(settings.registry_url, auth=settings.registry_auth)
