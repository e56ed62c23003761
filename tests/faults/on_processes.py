"""What befalls consumers and stores: killed, paused, told to stop, and what the clock of one does."""
from __future__ import annotations

import threading
import time
from random import Random

from confluent_kafka import Consumer, KafkaException, TopicPartition

from commerce_events import topics
from tests.faults import clock
from tests.faults.scene import Deed, Scene, SkippedError
from tests.proof import killer

__all__ = ["FAULTS"]


def _killed(scene: Scene, which: int, _: float) -> None:
    for member in scene.struck(which):
        member.kill()


def _dies_at(scene: Scene, which: int, _: float) -> None:
    points = list(killer.POINTS)
    scene.crew.dies_at(scene.consumer(which // len(points)), f"{points[which % len(points)]}#{which % 3 + 1}")


def _paused(scene: Scene, which: int, seconds: float) -> None:
    """Beyond its session and the relay's lease: somebody else takes over, and then it wakes up."""
    _stopped(scene, which, 5 + seconds)


def _frozen(scene: Scene, which: int, seconds: float) -> None:
    """So long that its health file must be old (I12)."""
    _stopped(scene, which, 14 + seconds)


def _stopped(scene: Scene, which: int, seconds: float) -> None:
    members = [member for member in scene.struck(which) if member.server is not None and member.alive]
    servers = [member.server for member in members if member.server is not None]
    if not servers:
        raise SkippedError("it is not there just now")
    until = time.monotonic() + seconds
    with scene.away(members[0].name):
        for server in servers:
            server.pause()
        # another fault may kill it meanwhile: who follows it is well
        while time.monotonic() < until and servers[0].alive:
            time.sleep(0.02)
    time.sleep(max(0.0, until - time.monotonic()))
    for server in servers:
        server.resume()


def _told(scene: Scene, which: int, _: float) -> None:
    for member in scene.struck(which):
        member.tell()


def _told_twice(scene: Scene, which: int, _: float) -> None:
    scene.consumer(which).tell()
    time.sleep(0.2)
    scene.consumer(which).tell()


def _told_in_a_rebalance(scene: Scene, which: int, seconds: float) -> None:
    """Somebody joins the group, and a member is told to stop while its partitions are being shared out."""
    guest = threading.Thread(target=_visit, args=(scene, 1 + seconds), name="guest", daemon=True)
    guest.start()
    time.sleep(0.15)
    _told(scene, which, 0)
    guest.join()


def _rebalance_storm(scene: Scene, _: int, seconds: float) -> None:
    """Members come and go every 300 ms."""
    until = time.monotonic() + 2 + seconds
    while time.monotonic() < until:
        _visit(scene, 0.3)


def _visit(scene: Scene, seconds: float) -> None:
    """Be a member of the group for a while; take nothing, commit nothing."""
    client = Consumer({
        "bootstrap.servers": scene.engines.bootstrap, "group.id": scene.prefix, "enable.auto.commit": False,
        "partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000, "log_level": 0,
    })  # fmt: skip
    until = time.monotonic() + seconds
    try:
        client.subscribe([topics.full_topic(topics.ORDER_TOPIC, scene.prefix)], on_assign=_take_none)
        while time.monotonic() < until:
            client.poll(0.05)
    finally:
        client.close()


def _take_none(client: Consumer, partitions: list[TopicPartition]) -> None:
    try:
        client.incremental_assign(partitions)
        client.pause(partitions)
    except KafkaException:  # given and taken back in one moment
        return


def _all_killed(scene: Scene, _: int, __: float) -> None:
    for member in [*scene.crew.consumers, *scene.crew.neighbours]:
        member.kill()


def _killer_loop(scene: Scene, which: int, seconds: float) -> None:
    """One after the other, as they come up or soon after."""
    until, draw = time.monotonic() + 3 * seconds, Random(which)
    while time.monotonic() < until:
        _killed(scene, which, 0)
        which += 1
        time.sleep(draw.uniform(0.05, 0.3))


def _rolling(scene: Scene, _: int, __: float) -> None:
    for which in range(len(scene.crew.consumers)):
        for member in scene.struck(which):
            member.tell()
        time.sleep(1.5)


def _store_killed(scene: Scene, which: int, _: float) -> None:
    for stores in (scene.crew.stores, scene.crew.shops):
        if stores:
            stores[which % len(stores)].kill()


def _clock(*turns: int) -> Deed:
    """The clock of one consumer is wrong, by minutes, in turns; that of the others is right."""

    def deed(scene: Scene, which: int, seconds: float) -> None:
        member, said = scene.consumer(which), scene.crew.folder / f"clock-{which}"
        said.write_text(str(60 * turns[0]), encoding="utf-8")
        scene.cure(member.kill)  # whoever follows it has the clock of everybody
        scene.again(member, **{clock.ENVIRONMENT: str(said)})
        for minutes in turns:
            said.write_text(str(60 * minutes), encoding="utf-8")
            time.sleep(1 + seconds / len(turns))

    return deed


FAULTS: dict[str, Deed] = {
    "consumer killed": _killed,
    "consumer dies at a point": _dies_at,
    "consumer paused": _paused,
    "consumer frozen": _frozen,
    "consumer told to stop": _told,
    "consumer told twice": _told_twice,
    "told in a rebalance": _told_in_a_rebalance,
    "rebalance storm": _rebalance_storm,
    "all consumers killed": _all_killed,
    "killer loop": _killer_loop,
    "rolling restart": _rolling,
    "store killed": _store_killed,
    "clock behind": _clock(-120),
    "clock jumps": _clock(0, 90, -30, 0),
}
