"""What befalls the order topic itself: messages deleted before they are read, the topic made anew under its name."""
from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic
from django.db import DatabaseError, InterfaceError, connection

from commerce_events import topics
from commerce_events.bus import topics_admin
from commerce_events.bus.reader import Heard
from commerce_events.exceptions import CommerceEventsError
from commerce_events.models import Position
from tests.faults.crew import Member
from tests.faults.scene import Deed, Deleted, Scene, SkippedError
from tests.faults.state import heard
from tests.faults.store import SELLING, SOLD

__all__ = ["FAULTS"]


def _expired(scene: Scene, _: int, seconds: float) -> None:
    """Nothing can be stored for a while, and retention deletes what has come meanwhile."""
    _begun(scene)
    with scene.before_database.shut():
        time.sleep(1 + seconds)
        with scene.deleting:
            _delete(scene, topics.full_topic(topics.ORDER_TOPIC, scene.prefix))


def _delete(scene: Scene, topic: str) -> None:
    """Everything that is there."""
    messages = _there(scene, topic)
    if not messages:
        raise SkippedError("there is nothing, or nobody knows what")
    ends: dict[int, int] = {}
    for message in messages:
        ends[message.partition] = max(message.offset + 1, ends.get(message.partition, 0))
    # noted first: an answer that does not come leaves open what was deleted
    _note(scene, messages, with_topic=False)
    admin = scene.engines.admin()  # whose answers end with it
    refused = 0
    for future in admin.delete_records([TopicPartition(topic, *each) for each in ends.items()]).values():
        with suppress(TimeoutError):  # the cluster is in pieces just now
            refused += isinstance(future.exception(10), KafkaException)
    if refused == len(ends):
        raise SkippedError("the cluster is in pieces just now")


def _made_anew(scene: Scene, _: int, seconds: float) -> None:
    """The topic is deleted, with what nobody has stored yet, and made again. Once in a run: what a checker is told of a
    deleted message, its partition and offset, means nothing in a topic between two others.
    """
    _begun(scene)
    topic = topics.full_topic(topics.ORDER_TOPIC, scene.prefix)
    with scene.before_database.shut():
        time.sleep(1 + seconds)
        with scene.deleting, _between_sales(scene) as at_rest:
            is_first = not any(each.with_topic for each in scene.deleted)
            messages = _there(scene, topic) if at_rest and is_first else []
            if not messages:
                raise SkippedError("it was made anew already, or nobody knows what it holds")
            if {each.partition for each in messages} - _known():
                raise SkippedError("there are partitions that no consumer has heard of: nobody could tell of those")
            # noted first: an answer that does not come leaves open what was deleted
            _note(scene, messages, with_topic=True)
            scene.cure(lambda: topics_admin.create_topics(scene.engines.admin(), scene.prefix, partitions=3))
            scene.excused.add((3, "does not exist"))  # who begins to read meanwhile says so, and ends
            admin = scene.engines.admin()
            try:
                with suppress(TimeoutError):  # no answer: it may be gone
                    admin.delete_topics([topic], operation_timeout=10)[topic].result(15)
            except KafkaException as error:
                raise SkippedError("the cluster is in pieces just now") from error
            _make(scene, topic, 10)


@contextmanager
def _between_sales(scene: Scene, patience: float = 6.0) -> Iterator[bool]:
    """Stores stand still, and none is started again. True if none of them waits for a broker's word: whatever they
    were told is stored then stands on the topic, and nothing else will come to.
    """
    with scene.crew._lock:
        stores = scene.crew.stores
        until = time.monotonic() + patience
        try:
            while not (at_rest := all(map(_rests, stores))) and time.monotonic() < until:
                time.sleep(0.05)
            yield at_rest
        finally:
            for member in stores:
                if member.alive and member.server is not None:
                    member.server.resume()


def _rests(store: Member) -> bool:
    """Paused where it has the word on all that it sent; one that has not goes on. A dead one sells all of it again."""
    if not store.alive or store.server is None:
        return True
    store.server.pause()
    said = store.log.read_text(encoding="utf-8")
    if said.rfind(SOLD) >= said.rfind(SELLING):
        return True
    store.server.resume()
    return False


def _known() -> set[int]:
    try:
        return set(Position.objects.values_list("partition", flat=True))
    except (DatabaseError, InterfaceError):
        connection.close()
        return set()


def _begun(scene: Scene) -> None:
    """Wait until the group stands somewhere: what goes before nobody was to read, and is in no gap."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Position.objects.count() >= 3:
                return
        except (DatabaseError, InterfaceError):  # another fault has it
            connection.close()
        time.sleep(0.1)
    raise SkippedError("nobody has begun to read")


def _make(scene: Scene, topic: str, patience: float) -> None:
    """As long as its deletion is under way, it cannot be made; and made twice it is there."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        admin = scene.engines.admin()
        try:
            admin.create_topics([NewTopic(topic, 3)])[topic].result(10)
            return
        except (KafkaException, TimeoutError):
            time.sleep(0.3)


def _there(scene: Scene, topic: str) -> list[Heard]:
    try:
        return heard(scene.engines.bootstrap, scene.registry, topic, 10)
    except (AssertionError, KafkaException, CommerceEventsError):  # another fault has it
        return []


def _note(scene: Scene, messages: Iterable[Heard], with_topic: bool) -> None:
    scene.deleted += [Deleted(message, with_topic) for message in messages]


FAULTS: dict[str, Deed] = {"offsets expired": _expired, "topic made anew": _made_anew}
