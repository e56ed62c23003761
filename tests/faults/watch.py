"""What can only be seen while a run goes on: committed offsets, health files, the size of each process."""
from __future__ import annotations

import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from django.db import DatabaseError, InterfaceError, connection

from commerce_events import topics
from commerce_events.models import Position
from tests.faults.crew import Member
from tests.faults.scene import Scene

EVERY = 0.4
#: Seconds after which no health file may be green: of what is away, and of a process that stands still.
PROMISE = {"database": 8.0, "brokers": 14.0}
#: Age at which a probe takes a file for dead, in the laboratory; the page says 60.
OLD = 12.0


class Watch:
    """Samples until it is closed.

    Attributes:
        noted: what it saw and should not have.
        peaks: the most that each process took, and all of them together of the database.
        samples: how often both sides of I5 could be asked.
        probes: how often a health file was read while its process could not get on.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.noted: list[str] = []
        self.peaks: dict[str, dict[str, float]] = {}
        self.samples = self.probes = 0
        self._still: dict[str, float] = {}  # who was paused, when last
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
                self._health()
                self._sizes()
                self._offsets(client, topic)
        finally:
            client.close()
            connection.close()

    def _offsets(self, client: Consumer, topic: str) -> None:
        """Kafka first, then the database: what is committed in between is in the database already (I5)."""
        restores = len(self.scene.restores)
        try:
            said = client.committed([TopicPartition(topic, number) for number in range(12)], timeout=1)
            rows = list(Position.objects.filter(topic=topic).values_list("partition", "offset", "halted"))
        except (KafkaException, DatabaseError, InterfaceError):  # a fault has them
            connection.close()
            return
        if restores != len(self.scene.restores):  # in between
            return
        self.samples += 1
        # a person who accepts a gap tells Kafka first; until the database has it too, the partition stays halted
        halted = {partition for partition, _, why in rows if why}
        known = {each.partition: each.offset for each in said if each.error is None and each.partition not in halted}
        self.noted += ahead(known, {partition: offset for partition, offset, _ in rows}, self.scene.ceilings)

    def _health(self) -> None:
        """Who cannot get on, and is green all the same (I12)."""
        now = time.monotonic()
        gone = dict(self.scene.gone)
        self._still |= dict.fromkeys(gone.keys() - PROMISE.keys(), now)
        for what, since in gone.items():
            for member in self.scene.crew.consumers:
                is_due = due(what, since, self._still.get(member.name), now)
                if not is_due or not concerns(what, member) or what not in self.scene.gone:
                    continue
                self.probes += 1
                if is_green(member.health, OLD):
                    self.noted.append(f"I12 {member.name} is green, {what} has been away for {now - since:.0f} s")

    def _sizes(self) -> None:
        for member in self.scene.crew.consumers:
            _raise(self.peaks.setdefault(member.name, {}), size(member))
        try:
            with connection.cursor() as cursor:
                cursor.execute(SESSIONS[self.scene.kind])
                _raise(self.peaks.setdefault("the database", {}), {"sessions": float(cursor.fetchone()[0])})
        except (DatabaseError, InterfaceError):  # a fault has it
            connection.close()

    def close(self) -> list[str]:
        """End sampling; what was noted."""
        self._closing.set()
        self._thread.join()
        return self.noted


def ahead(committed: dict[int, int], stands: dict[int, int], ceilings: dict[int, int]) -> list[str]:
    """Partitions of which Kafka was told more than the database has (I5).

    Arguments:
        ceilings: the highest positions before a restore: what was committed in the lost history may stand above the
            position, and nothing of the new one may.
    """
    return [
        f"I5 partition {partition}: committed {offset}, position {stands.get(partition)}"
        + (f", {ceilings[partition]} before the restore" if partition in ceilings else "")
        for partition, offset in sorted(committed.items())
        if offset > max(stands.get(partition, 0), ceilings.get(partition, 0))
    ]


#: Sessions of the run's database but ours.
SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE db = database()",
}


def due(what: str, since: float, paused: float | None, now: float) -> bool:
    """Whether a health file must have turned: what is away since then, or the process itself.

    Arguments:
        paused: when its process last was. Who is paused can find out nothing, only grow old; awake, it has its seconds
            again.
    """
    if what not in PROMISE:
        return now - since >= OLD
    return now - max(since, paused or since) >= PROMISE[what]


def concerns(what: str, member: Member) -> bool:
    """Whether a consumer cannot get on while something is away: an outage, or the consumer itself."""
    if what in PROMISE:
        stages = {"database": ("handle", "relay"), "brokers": ("intake",)}[what]
        return "--only" not in member.command or any(stage in member.command for stage in stages)
    return what == member.name


def size(member: Member) -> dict[str, float]:
    """What a process takes at this moment (Linux; nothing elsewhere)."""
    if member.server is None or not member.alive:
        return {}
    proc = Path(f"/proc/{member.server.pid}")
    try:
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        return {
            "memory MB": int(status["VmRSS"].split()[0]) / 1024, "threads": float(status["Threads"]),
            "descriptors": descriptors(str(member.server.pid)), "connections": connections(proc),
        }  # fmt: skip
    except (OSError, KeyError):  # it has just ended
        return {}


def connections(proc: Path) -> float:
    """Sockets that a process has open, to brokers, database and registry."""
    return float(sum(1 for each in (proc / "fd").iterdir() if str(each.readlink()).startswith("socket:")))


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


def _raise(peaks: dict[str, float], found: dict[str, float]) -> None:
    for what, how_much in found.items():
        peaks[what] = max(how_much, peaks.get(what, 0.0))
