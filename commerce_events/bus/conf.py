"""Settings of the bus, read once and checked: one frozen object instead of ``getattr`` all over.

Addresses and the topic prefix are the stock event bus's own settings, so that one site has one set of them; everything
else lives in the dictionary ``COMMERCE_EVENTS``. It is merged when it is read, over what a plugin says in
``COMMERCE_EVENTS_DEFAULTS`` and over ``DEFAULTS``: a site's YAML replaces dictionaries whole, and would take a plugin's
entries away if they stood in the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from commerce_events import entries, topics
from commerce_events.bus.access import SILENCE, Access, access, of
from commerce_events.bus.entries import ENTRIES
from commerce_events.exceptions import OperatorError

#: What can be said in ``COMMERCE_EVENTS``, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "INSTALLATION": "",  # slug of this LMS or store, ≤ 32 characters; part of every result id
    "CONSUMER_GROUP": "commerce-events",  # Kafka's consumer group, and whose positions these are
    "TOPICS": [topics.ORDER_TOPIC],  # without the prefix
    "SOURCE_TOPICS": {},  # slug of a store → the only topic that its events may come on, and that no other's may
    "HANDLERS": [],  # dotted paths of durable handlers
    "KAFKA": {},  # any librdkafka setting, for all clients; socket.timeout.ms is 10000 where it says nothing else
    "BATCH": 1000,  # messages taken from Kafka at once, and orders decided in one transaction
    "LANES": 2,  # batches that are decided at once, by one process; 1 on SQLite, always
    "STRAIGHT_PATH": True,  # decide in the intake's transaction where nothing is waiting
    "RESEND_AFTER": 30,  # seconds between an event and its duplicate before a duplicate asks for the result again
    "RESEND_EVERY": 60,  # seconds between two re-sends for one order
    "UNKNOWN_ATTEMPTS": 5,  # tries after an exception nobody foresaw, then held for a person
    "TRANSIENT_HOURS": 48,  # hours of transient failure, then held
    "BREAKER_WINDOW": 50,  # decisions that the breaker looks back on
    "BREAKER_SHARE": 0.8,  # part of them that must have failed for it to pause handling
    "BREAKER_PROBE": 30,  # seconds between two orders that are tried while it is open
    "BREAKER_SUCCESSES": 10,  # decisions in a row that close it
    "SOURCE_LIMITS": {},  # slug of a store → decisions a minute at most, of all processes together
    "CROWD": 100,  # events of one store in one batch; if more of them must wait, they wait in a queue of their own
    "SESSION_TIMEOUT": 10,  # seconds after which the partitions of a consumer that died go to another
    "LEASE": 10,  # seconds the relay's lease runs without being renewed
    "REGISTER_SCHEMAS": False,  # register missing schemas by itself; in production a command does
    "MAX_VALUE_BYTES": 1 << 20,  # a longer message is set aside undecoded
    "POISON_PAUSE": 50,  # undecodable messages in a row that pause the intake instead of being set aside
    "MIRROR_DEAD_LETTERS": False,  # on commerce-order-lifecycle-dlq too; protect that topic as the order topic
    "TOPIC_CHECK": 60,  # seconds between two looks at the topics' ids and at our positions
    "RETENTION_DAYS": 180,  # how long commerce_purge leaves what is no longer needed
    "HEALTH_FILE": "",  # file that says ok while every stage gets on; --health-file
    "METRICS": "",  # host:port where Prometheus may ask; --metrics; needs the extra metrics
    "STORES": {},  # slug of a store → how its webhooks are understood (how-tos/receive-webhooks); the gateway's
    "CONSUMER": "edx_event_bus_kafka.KafkaEventConsumer",  # of topics that are not ours, under the stock command
}

#: librdkafka settings that are not a choice: what the promises need.
CONSUMER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "check.crcs": True,
    "partition.assignment.strategy": "cooperative-sticky",
    # What one answer of the broker may hold, of all partitions: all of librdkafka's 50 MiB would be kept in memory. A
    # larger message still comes, alone.
    "fetch.max.bytes": 2 << 20,
    "max.partition.fetch.bytes": 512 << 10,
    "queued.max.messages.kbytes": 4096,
    "fetch.wait.max.ms": 100,
    "allow.auto.create.topics": False,
}
PRODUCER = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "message.timeout.ms": 0,  # the relay has a deadline of its own, which keeps the order; see relay.py
    "queue.buffering.max.kbytes": 65536,
    "linger.ms": 2,
    "allow.auto.create.topics": False,
}


@dataclass(frozen=True)
class BusSettings(Access):
    """The settings as the code uses them. Built by :func:`bus_settings`."""

    installation: str
    group: str
    topics: tuple[str, ...]
    handlers: tuple[str, ...]
    options: Mapping[str, Any] = field(repr=False)  # KAFKA may hold a password

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    @property
    def own_topics(self) -> dict[str, str]:
        """Stores that have a topic of their own, and its full name."""
        return {source: self.full_topic(topic) for source, topic in self["SOURCE_TOPICS"].items()}

    def client(self, **more: Any) -> dict[str, Any]:
        """Configuration of any Kafka client: addresses, the site's own settings, and ``more`` over both."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"commerce-events-{self.installation or 'client'}",
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 2000,  # librdkafka would add up to ten seconds to each outage
            **SILENCE,
            **self.kafka,
            **more,
        }


def merged(**overrides: Any) -> dict[str, Any]:
    """Every entry: what was overridden, over the site's, over the plugin's, over ours.

    Raises:
        OperatorError: an entry cannot be right; the hint says what to write.
    """
    return entries.read("COMMERCE_EVENTS", DEFAULTS, ENTRIES, **overrides)


def bus_settings(**overrides: Any) -> BusSettings:
    """Read the Django settings.

    Raises:
        OperatorError: a setting is missing or cannot be right; the hint says what to write.
    """
    options = merged(**overrides)
    slug = options["INSTALLATION"]
    if not slug:
        raise OperatorError(
            "COMMERCE_EVENTS['INSTALLATION'] is missing",
            hint="Give this site a slug that will never change, e.g. COMMERCE_EVENTS = {'INSTALLATION': 'my-lms'}.",
        )
    unread = sorted(set(options["SOURCE_TOPICS"].values()) - set(options["TOPICS"]))
    if unread:
        raise OperatorError(
            f"COMMERCE_EVENTS['SOURCE_TOPICS'] names what is not read: {', '.join(unread)}",
            hint="Name it in COMMERCE_EVENTS['TOPICS'] as well, both times without the prefix.",
        )
    site = of(settings)
    found = access(site, broker=[site], registry=[site], kafka=options["KAFKA"])
    return BusSettings(
        **vars(found),
        installation=slug,
        group=options["CONSUMER_GROUP"],
        topics=tuple(options["TOPICS"]),
        handlers=tuple(options["HANDLERS"]),
        options=options,
    )
