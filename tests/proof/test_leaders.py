"""A topic made anew whose leaders are others now, on three brokers.

librdkafka takes the leader of a partition made anew for an old one, because its epoch begins at 0 again, and asks the
former leader for ever (confluentinc/librdkafka#4898). Who uses it must not wait with it.
"""
from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.models import Gap, Position
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.proof import secured
from tests.proof.steady import eventually
from tests.proof.three import Three

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]

TOPIC = topics.full_topic(topics.ORDER_TOPIC, secured.PREFIX)


class Cluster:
    """A topic of one partition that the first of three brokers leads, if it is there."""

    def __init__(self, three: Three) -> None:
        self.brokers, self.admin = three.brokers, three.admin
        self.make()

    def make(self, topic: str = TOPIC) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                self.admin.create_topics([NewTopic(topic, 1, replica_assignment=[[1, 2, 3]])])[topic].result(20)
                return
            except KafkaException:  # a deletion is still under way
                assert time.monotonic() < until
                time.sleep(0.2)

    def leader(self) -> int:
        """Its number; 0 where none is known yet."""
        partitions = self.admin.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        return int(partitions[0].leader) if partitions else 0

    def move(self) -> None:
        """Have another broker lead, under a higher epoch."""
        self.brokers[0].stop()
        eventually(lambda: self.leader() > 1, "another one leads")

    def anew(self) -> None:
        """The topic under its name, led by the first again, under epoch 0."""
        self.brokers[0].start()
        self.admin.delete_topics([TOPIC])[TOPIC].result(20)
        self.make()
        eventually(lambda: self.leader() == 1, "the first leads again")


@pytest.fixture
def led(three: Three) -> Cluster:
    return Cluster(three)


def client(three: Three, broker: Broker, timeout: float = 30.0) -> StoreClient:
    return StoreClient(three.bootstrap, broker.registry_url, prefix=secured.PREFIX, register=True, timeout=timeout)


def sell(store: StoreClient, number: int) -> None:
    lines = [builders.line("l", "course-v1:TestX+C0+2026")]
    store.publish(topics.ORDER_PAID_TYPE, builders.order_paid(f"o{number}", lines=lines))


def is_sold(store: StoreClient, number: int) -> bool:
    """Whether it was acknowledged. A cluster that has just begun, or lost a broker, may take longer than an attempt."""
    try:
        sell(store, number)
    except TransientError:
        return False
    return True


def test_a_stores_client_publishes_again_after_what_was_not_acknowledged(
    led: Cluster, three: Three, broker: Broker
) -> None:
    with client(three, broker, timeout=3) as store:
        eventually(lambda: is_sold(store, 0), "the cluster is at work")
        led.move()
        eventually(lambda: is_sold(store, 1), "it has heard of the higher epoch")
        led.anew()
        failed, until = 0, time.monotonic() + 30
        while failed < 6:
            try:
                if is_sold(store, 2):
                    break
                failed += 1
            except OperatorError as error:  # it has heard of the deletion, and not yet of the topic made anew
                if "Unknown topic" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.2)
        assert failed < 6, "it asks the former leader for ever"


def test_a_consumer_halts_though_its_client_asks_the_former_leader(
    led: Cluster, three: Three, broker: Broker, postgresql: Any, tmp_path: Path
) -> None:
    with (
        secured.lms(tmp_path, postgresql.url, three.bootstrap, broker.registry_url) as processes,
        client(three, broker) as store,
    ):
        process = processes.consume("--only", "intake", "--from", "earliest", settings={"TOPIC_CHECK": 1})
        sell(store, 0)
        eventually(lambda: Position.objects.filter(offset=1).exists(), "it is at work")
        led.move()
        sell(store, 1)
        eventually(lambda: Position.objects.filter(offset=2).exists(), "it has followed", 40)
        led.anew()
        eventually(lambda: Gap.objects.exists(), "the gap is told", 40)
        process.stop()
    gap = Gap.objects.get()
    assert (gap.reason, gap.from_offset, gap.to_offset) == ("topic_recreated", 2, 0)
