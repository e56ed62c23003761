"""What can only be seen while a run goes on: committed offsets, health files, the size of each process."""
from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from django.db import DatabaseError, InterfaceError, connection

from commerce_events import topics
from commerce_events.models import Position
from tests.faults.crew import Member
from tests.faults.faults import Scene

EVERY = 0.4


class Watch:
    """Samples until it is closed; ``noted`` is what it saw and should not have."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.noted: list[str] = []
        self.samples = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        topic = topics.full_topic(topics.ORDER_TOPIC, self.scene.prefix)
        client = Consumer({
            "bootstrap.servers": self.scene.engines.bootstrap, "group.id": self.scene.prefix, "log_level": 0,
            "enable.auto.commit": False,
        })  # fmt: skip
        try:
            while not self._closing.wait(EVERY):
                self._offsets(client, topic)
        finally:
            client.close()
            connection.close()

    def _offsets(self, client: Consumer, topic: str) -> None:
        """Kafka first, then the database: what is committed in between is in the database already (I5)."""
        try:
            said = client.committed([TopicPartition(topic, number) for number in range(6)], timeout=1)
            stands = dict(Position.objects.filter(topic=topic).values_list("partition", "offset"))
        except (KafkaException, DatabaseError, InterfaceError):  # a fault has them
            connection.close()
            return
        if self.scene.restores:
            return
        self.samples += 1
        self.noted += [
            f"I5 partition {each.partition}: committed {each.offset}, position {stands.get(each.partition)}"
            for each in said
            if each.error is None and each.offset > stands.get(each.partition, 0)
        ]

    def close(self) -> list[str]:
        """End sampling; what was noted."""
        self._closing.set()
        self._thread.join()
        return self.noted


def size(member: Member) -> dict[str, float]:
    """What a process takes at this moment (Linux; nothing elsewhere)."""
    if member.server is None or not member.alive:
        return {}
    proc = Path(f"/proc/{member.server.pid}")
    try:
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        return {
            "memory MB": int(status["VmRSS"].split()[0]) / 1024, "threads": float(status["Threads"]),
            "descriptors": descriptors(str(member.server.pid)),
        }  # fmt: skip
    except OSError:  # it has just ended
        return {}


def descriptors(process: str) -> float:
    """How many a process has open; 0 where nobody tells."""
    folder = Path("/proc", process, "fd")
    return float(len(list(folder.iterdir()))) if folder.exists() else 0.0


def is_green(path: Path, newer: float = 15.0) -> bool:
    """Whether a liveness probe would be content: the first word, and the age."""
    try:
        return path.read_text(encoding="utf-8").startswith("ok") and time.time() - path.stat().st_mtime < newer
    except OSError:
        return False


def dark(scene: Scene, members: list[Member]) -> list[str]:
    """Consumers that are green although the database has been away for some seconds (I12)."""
    return [f"I12 {member.name} is green and its database is away" for member in members if is_green(member.health)]


def sample(members: list[Member]) -> dict[str, Any]:
    return {member.name: size(member) for member in members}
