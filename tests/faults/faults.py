"""The faults by name: what is done, and how it is undone; what one leaves behind, the run heals at its end."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewPartitions
from django.db import DatabaseError, connection, transaction

from commerce_events import topics
from commerce_events.bus.embedded.native import KafkaBroker
from commerce_events.bus.embedded.server import Server
from tests.engines.proxy import Proxy
from tests.faults.crew import Crew, Member
from tests.faults.engines import Engines
from tests.proof import killer, snapshot
from tests.proof.cutter import CommitCutter

__all__ = ["FAULTS", "Scene", "thaw"]


@dataclass
class Scene:
    """What a fault can reach."""

    engines: Engines
    crew: Crew
    prefix: str
    registry: str  # straight
    kind: str
    url: str  # of the database, straight
    before_database: CommitCutter
    before_registry: Proxy
    backup: Any = None
    restores: list[float] = field(default_factory=list)  # when
    kills: int = 0  # of brokers and databases
    lock: threading.Lock = field(default_factory=threading.Lock)  # who starts and ends servers

    @property
    def server(self) -> Any:
        """The database's server."""
        return self.engines.databases[self.kind].server

    def consumer(self, which: int) -> Member:
        return self.crew.consumers[which % len(self.crew.consumers)]

    def struck(self, which: int) -> list[Member]:
        """A consumer, and the one of the other kind in its place, where there are any."""
        beside = self.crew.neighbours
        return [self.consumer(which), *([beside[which % len(beside)]] if beside else ())]

    def broker(self, which: int) -> KafkaBroker:
        return self.engines.brokers[which % len(self.engines.brokers)]


Deed = Callable[[Scene, int, float], None]


def _for_a_while(proxy: Callable[[Scene, int], Proxy], how: str) -> Deed:
    def deed(scene: Scene, which: int, seconds: float) -> None:
        chosen = proxy(scene, which)
        getattr(chosen, how)()
        time.sleep(seconds)
        chosen.heal()
        chosen.cut()  # what hung has been given up at the other end

    return deed


def _slow(proxy: Callable[[Scene, int], Proxy], delay: float) -> Deed:
    def deed(scene: Scene, which: int, seconds: float) -> None:
        chosen = proxy(scene, which)
        chosen.delay(delay)
        time.sleep(seconds)
        chosen.delay(0)

    return deed


def _resets(proxy: Callable[[Scene, int], Proxy]) -> Deed:
    def deed(scene: Scene, which: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            proxy(scene, which).cut()
            time.sleep(0.3)

    return deed


def _database(scene: Scene, _: int) -> Proxy:
    return scene.before_database


def _registry(scene: Scene, _: int) -> Proxy:
    return scene.before_registry


def _one_broker(scene: Scene, which: int) -> Proxy:
    return scene.engines.before_brokers[which % len(scene.engines.before_brokers)]


# --- processes


def _consumer_killed(scene: Scene, which: int, _: float) -> None:
    for member in scene.struck(which):
        member.kill()


def _consumer_dies_at(scene: Scene, which: int, _: float) -> None:
    points = list(killer.POINTS)
    scene.crew.dies_at(scene.consumer(which // len(points)), f"{points[which % len(points)]}#{which % 3 + 1}")


def _consumer_paused(scene: Scene, which: int, seconds: float) -> None:
    """Beyond its session and the relay's lease: somebody else takes over, and then it wakes up."""
    servers = [member.server for member in scene.struck(which) if member.server is not None and member.alive]
    for server in servers:
        server.pause()
    time.sleep(5 + seconds)
    for server in servers:
        server.resume()


def _consumer_told(scene: Scene, which: int, _: float) -> None:
    for member in scene.struck(which):
        member.tell()


def _consumer_told_twice(scene: Scene, which: int, _: float) -> None:
    scene.consumer(which).tell()
    time.sleep(0.2)
    scene.consumer(which).tell()


def _all_consumers(scene: Scene, _: int, __: float) -> None:
    for member in [*scene.crew.consumers, *scene.crew.neighbours]:
        member.kill()


def _killer_loop(scene: Scene, which: int, seconds: float) -> None:
    """One after the other, as they come up."""
    until = time.monotonic() + 2 * seconds
    while time.monotonic() < until:
        _consumer_killed(scene, which, 0)
        which += 1
        time.sleep(0.7)


def _rolling(scene: Scene, _: int, __: float) -> None:
    for which in range(len(scene.crew.consumers)):
        for member in scene.struck(which):
            member.tell()
        time.sleep(1.5)


def _store_killed(scene: Scene, which: int, _: float) -> None:
    scene.crew.stores[which % len(scene.crew.stores)].kill()


# --- brokers


def _away(scene: Scene, servers: list[Any], seconds: float) -> None:
    with scene.lock:
        for server in servers:
            if server.alive:
                scene.kills += 1
                server.kill()
    time.sleep(seconds)
    with scene.lock:
        for server in servers:
            if not server.alive:
                server.launch() if isinstance(server, Server) else server.start()


def _broker_killed(scene: Scene, which: int, seconds: float) -> None:
    _away(scene, [scene.broker(which)], seconds)


def _leader_killed(scene: Scene, which: int, seconds: float) -> None:
    topic = topics.full_topic((topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC)[which % 2], scene.prefix)
    try:
        known = scene.engines.admin().list_topics(topic, timeout=3).topics[topic].partitions
        leader = known[which % len(known)].leader
    except (KafkaException, KeyError, ZeroDivisionError):
        leader = 0
    _away(scene, [scene.broker(max(leader, 1) - 1)], seconds)


def _coordinator_killed(scene: Scene, which: int, seconds: float) -> None:
    """The leader of the group's partition among the offsets, which Kafka finds by Java's hash of the group's name."""
    number = 0
    for letter in scene.prefix.encode():
        number = (31 * number + letter) & 0xFFFFFFFF
    try:
        offsets = scene.engines.admin().list_topics("__consumer_offsets", timeout=3).topics["__consumer_offsets"]
        leader = offsets.partitions[(number & 0x7FFFFFFF) % len(offsets.partitions)].leader
    except (KafkaException, KeyError, ZeroDivisionError):
        leader = 0
    _away(scene, [scene.broker(leader - 1 if leader > 0 else which)], seconds)


def _broker_paused(scene: Scene, which: int, seconds: float) -> None:
    broker = scene.broker(which)
    if broker.alive:
        broker.pause()
        time.sleep(2 + seconds)
        broker.resume()


def _all_brokers(scene: Scene, _: int, seconds: float) -> None:
    _away(scene, list(scene.engines.brokers), seconds)


def _partitions_raised(scene: Scene, _: int, __: float) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, scene.prefix)
    admin = scene.engines.admin()  # whose answers end with it
    for future in admin.create_partitions([NewPartitions(topic, 6)]).values():
        try:
            future.result(5)
        except KafkaException:  # the cluster is in pieces just now, or they were raised already
            return


# --- databases


def _database_killed(scene: Scene, _: int, seconds: float) -> None:
    connection.close()
    _away(scene, [scene.server], seconds)


def _commits_cut(scene: Scene, _: int, seconds: float) -> None:
    scene.before_database.active = True
    time.sleep(seconds)
    scene.before_database.active = False


_END = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}


def _sessions_ended(scene: Scene, _: int, seconds: float) -> None:
    """Every session, each 200 ms."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_END[scene.kind])
                for (number,) in cursor.fetchall() if scene.kind == "mariadb" else ():
                    cursor.execute(f"KILL {int(number)}")
        except DatabaseError:  # gone in the meantime, or the server is away
            connection.close()
        time.sleep(0.2)


def _database_frozen(scene: Scene, _: int, seconds: float) -> None:
    """No write is taken: PostgreSQL refuses it, MariaDB (whose superuser nothing refuses) has it wait."""
    try:
        with connection.cursor() as cursor:
            if scene.kind == "mariadb":
                cursor.execute("FLUSH TABLES WITH READ LOCK")
                time.sleep(seconds)
                cursor.execute("UNLOCK TABLES")
            else:
                cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                cursor.execute("SELECT pg_reload_conf()")
                time.sleep(seconds)
                thaw(scene.kind)
    except DatabaseError:  # another fault has it; the run thaws it at its end
        connection.close()


def thaw(kind: str) -> None:
    """Writes are taken again. PostgreSQL remembers it over a crash."""
    if kind == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
            cursor.execute("SELECT pg_reload_conf()")


def _backed_up(scene: Scene, _: int, __: float) -> None:
    """A backup of one moment, whatever is being written."""
    isolated = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    try:
        with connection.cursor() as cursor:
            if scene.kind == "mariadb":
                cursor.execute(isolated)  # of the next one
            with transaction.atomic():
                if scene.kind == "postgresql":
                    cursor.execute(isolated)
                scene.backup = snapshot.take()
    except DatabaseError:  # another fault has it
        connection.close()


def _database_restored(scene: Scene, _: int, seconds: float) -> None:
    """The backup that was taken before: out of everybody's reach, the rows are put back."""
    scene.before_database.refuse()
    time.sleep(0.3)
    try:
        if scene.backup is not None:
            snapshot.restore(scene.backup)
            scene.restores.append(time.time())
    except DatabaseError:  # another fault has it
        connection.close()
    finally:
        scene.before_database.heal()


FAULTS: dict[str, Deed] = {
    "consumer killed": _consumer_killed,
    "consumer dies at a point": _consumer_dies_at,
    "consumer paused": _consumer_paused,
    "consumer told to stop": _consumer_told,
    "consumer told twice": _consumer_told_twice,
    "all consumers killed": _all_consumers,
    "killer loop": _killer_loop,
    "rolling restart": _rolling,
    "store killed": _store_killed,
    "broker killed": _broker_killed,
    "leader killed": _leader_killed,
    "coordinator killed": _coordinator_killed,
    "broker paused": _broker_paused,
    "all brokers killed": _all_brokers,
    "broker slow": _slow(_one_broker, 0.2),
    "broker half-open": _for_a_while(_one_broker, "hang"),
    "broker reset": _resets(_one_broker),
    "partitions raised": _partitions_raised,
    "database killed": _database_killed,
    "database reset": _resets(_database),
    "database half-open": _for_a_while(_database, "hang"),
    "database slow": _slow(_database, 0.05),
    "commits cut": _commits_cut,
    "sessions ended": _sessions_ended,
    "database frozen": _database_frozen,
    "database backed up": _backed_up,
    "database restored": _database_restored,
    "registry refuses": _for_a_while(_registry, "refuse"),
    "registry half-open": _for_a_while(_registry, "hang"),
    "registry slow": _slow(_registry, 0.5),
}

