"""``EVENT_BUS_CONSUMER``: the stock ``consume_events`` gets the durable loop for our topics, and its own for the rest.

::

    EVENT_BUS_CONSUMER = "commerce_events.bus.consumer.create_consumer"
    COMMERCE_EVENTS = {"CONSUMER": "edx_event_bus_kafka.KafkaEventConsumer", ...}   # for every other topic

``consume_events`` logs every exception and exits 0. What must end the process with another code is therefore raised as
SystemExit, which it lets through. ``consume_commerce_events`` has flags and honest exit codes; prefer it.
"""

from __future__ import annotations

import logging
import signal
import threading
from datetime import datetime
from typing import Any

from django.utils.module_loading import import_string
from openedx_events.event_bus import EventBusConsumer

from commerce_events.bus import handlers
from commerce_events.bus.beginning import BEGIN
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.worker import Options, Worker
from commerce_events.exceptions import OperatorError

log = logging.getLogger(__name__)


def create_consumer(*, topic: str, group_id: str, **options: Any) -> EventBusConsumer:
    """What ``EVENT_BUS_CONSUMER`` names: routes by topic.

    Arguments:
        options: from ``--extra``; for our topics ``{"from": "earliest"}`` and ``{"until_idle": true}``.
    """
    settings = bus_settings(CONSUMER_GROUP=group_id)
    if topic not in settings.topics:
        consumer: EventBusConsumer = import_string(settings["CONSUMER"])(topic=topic, group_id=group_id, **options)
        return consumer
    return DurableConsumer(topic, group_id, **options)


class DurableConsumer(EventBusConsumer):
    """All three stages for one topic, behind the stock command."""

    def __init__(self, topic: str, group_id: str, **options: Any) -> None:
        settings = bus_settings(CONSUMER_GROUP=group_id, TOPICS=[topic])
        start = options.get("from")
        self.worker = Worker(
            settings,
            handlers.load(settings.handlers),
            Options(
                start=datetime.fromisoformat(start) if start and start not in BEGIN else start,
                until_idle=bool(options.get("until_idle")),
            ),
        )

    def consume_indefinitely(self) -> None:
        """Run until SIGTERM.

        Raises:
            SystemExit: 3, an operator must act; 1, an unexpected failure.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self.worker.stop())
        try:
            self.worker.run()
        except OperatorError as error:
            log.error("%s %s", error, error.hint)
            raise SystemExit(3) from error
        except Exception as error:
            log.exception("the consumer stopped")
            raise SystemExit(1) from error
