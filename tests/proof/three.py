"""Three brokers in one cluster, any of which may go: topics in three copies, of which two must agree."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from commerce_events.bus.access import SILENCE
from commerce_events.bus.embedded.jars import jars
from commerce_events.bus.embedded.native import KafkaBroker, cluster
from commerce_events.bus.embedded.ports import LOOPBACK, free_ports


class Three:
    """The brokers, numbered 1 to 3 as they stand in ``brokers``."""

    def __init__(self, brokers: list[KafkaBroker]) -> None:
        self.brokers = brokers
        self.bootstrap = ",".join(f"{LOOPBACK}:{broker.port}" for broker in brokers)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, **SILENCE})

    def is_whole(self) -> bool:
        """Whether every copy of every partition is in step, and stays so for some seconds: then one broker may go.

        A broker that was paused tells for a moment how it was before.
        """
        for _ in range(10):
            if not self._is_in_step():
                return False
            time.sleep(0.3)
        return True

    def _is_in_step(self) -> bool:
        try:
            topics = self.admin.list_topics(timeout=10).topics.values()
        except KafkaException:
            return False
        return all(len(partition.isrs) == 3 for topic in topics for partition in topic.partitions.values())


@contextmanager
def three(folder: Path) -> Iterator[Three]:
    """Hold them up."""
    ports = free_ports(6)
    brokers = cluster(jars(), folder, list(zip(ports[:3], ports[3:], strict=True)))
    try:
        for each in brokers:
            each.launch()
        for each in brokers:
            each.wait()
        yield Three(brokers)
    finally:
        for each in brokers:
            each.kill()
