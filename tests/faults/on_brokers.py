"""What befalls brokers: killed, paused, cut off, without a byte of room, with more partitions than before."""
from __future__ import annotations

import time
from contextlib import ExitStack

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewPartitions

from commerce_events import topics
from tests.engines.proxy import Proxy
from tests.faults.scene import Deed, Scene, SkippedError
from tests.faults.ways import for_a_while, full, killed, resets, slow

__all__ = ["FAULTS"]


def _killed(scene: Scene, which: int, seconds: float) -> None:
    killed(scene, [scene.broker(which)], seconds)


def _leader_killed(scene: Scene, which: int, seconds: float) -> None:
    topic = topics.full_topic((topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC)[which % 2], scene.prefix)
    try:
        known = scene.engines.admin().list_topics(topic, timeout=3).topics[topic].partitions
        leader = known[which % len(known)].leader
    except (KafkaException, KeyError, ZeroDivisionError):
        leader = 0
    killed(scene, [scene.broker(max(leader, 1) - 1)], seconds)


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
    killed(scene, [scene.broker(leader - 1 if leader > 0 else which)], seconds)


def _paused(scene: Scene, which: int, seconds: float) -> None:
    """Longer than the cluster waits for it: its partitions get other leaders, and it does not know."""
    broker = scene.broker(which)
    if not broker.alive:
        raise SkippedError("it is down already")
    broker.pause()
    time.sleep(5 + seconds)
    broker.resume()


def _all_killed(scene: Scene, _: int, seconds: float) -> None:
    killed(scene, list(scene.engines.brokers), seconds)


def _all_gone(scene: Scene, _: int, seconds: float) -> None:
    """Long enough for a health file to say so (I12)."""
    with scene.away("brokers"), ExitStack() as stack:
        for proxy in scene.engines.before_brokers:
            stack.enter_context(proxy.shut())
        time.sleep(15 + seconds)


def _disk_full(scene: Scene, which: int, seconds: float) -> None:
    """It gives its log folder up, and itself; it is started when there is room again."""
    full(scene, scene.broker(which), 1 + seconds)


def _partitions_raised(scene: Scene, _: int, __: float) -> None:
    """From three to twelve, while stores publish: the events of an order are in two partitions from then on."""
    topic = topics.full_topic(topics.ORDER_TOPIC, scene.prefix)
    admin = scene.engines.admin()  # whose answers end with it
    for future in admin.create_partitions([NewPartitions(topic, 12)]).values():
        try:
            future.result(5)
        except TimeoutError:  # they may be
            return
        except KafkaException as error:
            raise SkippedError("the cluster is in pieces just now, or they were raised already") from error


def _one(scene: Scene, which: int) -> Proxy:
    return scene.engines.before_brokers[which % len(scene.engines.before_brokers)]


FAULTS: dict[str, Deed] = {
    "broker killed": _killed,
    "leader killed": _leader_killed,
    "coordinator killed": _coordinator_killed,
    "broker paused": _paused,
    "all brokers killed": _all_killed,
    "all brokers gone": _all_gone,
    "broker disk full": _disk_full,
    "broker slow": slow(_one, 0.2),
    "broker half-open": for_a_while(_one, "hang"),
    "broker reset": resets(_one),
    "partitions raised": _partitions_raised,
}
