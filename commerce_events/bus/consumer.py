"""``EVENT_BUS_CONSUMER``: the stock ``consume_events`` gets the durable loop for our topics, and its own for the rest.

::

    EVENT_BUS_CONSUMER = "commerce_events.bus.consumer.create_consumer"
    COMMERCE_EVENTS = {"CONSUMER": "edx_event_bus_kafka.KafkaEventConsumer", ...}   # for every other topic

``consume_events`` makes the consumer and ignores whatever goes wrong there: nothing would be consumed, and the process
would exit 0. Then it runs the consumer, logs every exception and exits 0. So nothing fails here before it runs, and
what must end the process with another code is raised as SystemExit, which it lets through from there.
``consume_commerce_events`` has flags and honest exit codes; prefer it.
"""

from __future__ import annotations

import logging
import signal
import threading
from datetime import datetime
from typing import Any

from django.utils.module_loading import import_string
from openedx_events.event_bus import EventBusConsumer

from commerce_events import checks
from commerce_events.bus import handlers
from commerce_events.bus.beginning import BEGIN
from commerce_events.bus.conf import bus_settings, merged
from commerce_events.bus.failures import summary
from commerce_events.bus.worker import Options, Worker
from commerce_events.exceptions import OperatorError

log = logging.getLogger(__name__)


def create_consumer(*, topic: str, group_id: str, **options: Any) -> EventBusConsumer:
    """What ``EVENT_BUS_CONSUMER`` names: routes by topic.

    Arguments:
        options: from ``--extra``; for our topics ``{"from": "earliest"}`` and ``{"until_idle": true}``.
    """
    try:
        said = merged()
    except OperatorError:
        return DurableConsumer(topic, group_id, **options)  # says it where it is heard: when it runs
    if topic not in said["TOPICS"]:
        consumer: EventBusConsumer = import_string(said["CONSUMER"])(topic=topic, group_id=group_id, **options)
        return consumer
    return DurableConsumer(topic, group_id, **options)


class DurableConsumer(EventBusConsumer):
    """All three stages for one topic, behind the stock command."""

    def __init__(self, topic: str, group_id: str, **options: Any) -> None:
        self.topic, self.group_id, self.options = topic, group_id, options

    def consume_indefinitely(self) -> None:
        """Run until SIGTERM.

        Raises:
            SystemExit: 3, an operator must act; 1, an unexpected failure.
        """
        try:
            worker = self._worker()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, lambda *_: worker.stop())
            worker.run()
        except OperatorError as error:
            log.error("%s %s", error, error.hint)
            raise SystemExit(3) from error
        except Exception as error:
            log.error("the consumer stopped: %s", summary(error))  # never its text, which may quote a learner
            raise SystemExit(1) from error

    def _worker(self) -> Worker:
        checks.refuse()
        settings = bus_settings(CONSUMER_GROUP=self.group_id, TOPICS=[self.topic])
        start = self.options.get("from")
        return Worker(
            settings,
            handlers.load(settings.handlers),
            Options(
                start=datetime.fromisoformat(start) if start and start not in BEGIN else start,
                until_idle=bool(self.options.get("until_idle")),
            ),
        )
