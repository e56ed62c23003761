"""The embedded broker: topics, outages and injected errors, seen by an ordinary client."""
from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import requests
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from commerce_events.bus import kafka
from commerce_events.bus.embedded.cluster import Cluster
from commerce_events.bus.embedded.engine import EmbeddedEngine, embedded
from commerce_events.exceptions import OperatorError
from commerce_events.topics import TOPICS

PRODUCE = 0  # Kafka's API key


@pytest.fixture
def engine() -> Iterator[EmbeddedEngine]:
    with embedded() as engine:
        yield engine


def producer(engine: EmbeddedEngine) -> Producer:
    return Producer({
        "bootstrap.servers": engine.bootstrap, "reconnect.backoff.max.ms": 200, "log_level": 0, "linger.ms": 0,
    })  # fmt: skip


def publish(client: Producer, topic: str, value: bytes, seconds: float = 10) -> KafkaError | None:
    """What the delivery report says."""
    said: list[KafkaError | None] = []
    client.produce(topic, value, partition=0, on_delivery=lambda error, _: said.append(error))
    client.flush(seconds)
    return said[0] if said else KafkaError(KafkaError._TIMED_OUT)


def read(engine: EmbeddedEngine, topic: str, count: int) -> list[bytes | None]:
    client = Consumer({"bootstrap.servers": engine.bootstrap, "group.id": str(uuid4()), "log_level": 0})
    try:
        low, _ = client.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        client.assign([TopicPartition(topic, 0, low)])
        return [message.value() for message in client.consume(count, timeout=10)]
    finally:
        client.close()


def test_topics_have_the_partitions_of_the_table(engine: EmbeddedEngine) -> None:
    made = engine.create_topics("dev")
    known = producer(engine).list_topics(timeout=10).topics

    assert made == [f"dev-{name}" for name in TOPICS]
    assert {name: len(known[f"dev-{name}"].partitions) for name in TOPICS} == {
        topic.name: topic.partitions for topic in TOPICS.values()
    }


def test_creating_topics_again_creates_none(engine: EmbeddedEngine) -> None:
    engine.create_topics("dev", partitions=1)

    assert engine.create_topics("dev", partitions=1) == []


def test_a_message_comes_back(engine: EmbeddedEngine) -> None:
    engine.call("create_topic", "orders", 1)

    assert publish(producer(engine), "orders", b"paid") is None
    assert read(engine, "orders", 1) == [b"paid"]


def test_a_broker_that_is_down_takes_nothing_and_has_everything_when_it_is_up_again(engine: EmbeddedEngine) -> None:
    engine.call("create_topic", "orders", 1)
    client = producer(engine)
    assert publish(client, "orders", b"before") is None

    engine.call("down", 1)
    said: list[KafkaError | None] = []
    client.produce("orders", b"during", partition=0, on_delivery=lambda error, _: said.append(error))
    assert client.flush(1) == 1
    engine.call("up", 1)
    assert client.flush(20) == 0

    assert said == [None]
    assert read(engine, "orders", 2) == [b"before", b"during"]


def test_an_injected_error_reaches_the_client(engine: EmbeddedEngine) -> None:
    engine.call("create_topic", "orders", 1)
    client = producer(engine)

    engine.call("fail", PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    refused = publish(client, "orders", b"no")

    assert refused is not None
    assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert publish(client, "orders", b"yes") is None


def test_errors_that_were_not_met_can_be_taken_back(engine: EmbeddedEngine) -> None:
    engine.call("create_topic", "orders", 1)
    engine.call("fail", PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    engine.call("recover", PRODUCE)

    assert publish(producer(engine), "orders", b"yes") is None


def test_records_expire_when_told(engine: EmbeddedEngine) -> None:
    engine.call("create_topic", "orders", 1)
    client = producer(engine)
    for value in (b"0", b"1", b"2"):
        assert publish(client, "orders", value) is None

    engine.call("delete_records", "orders", 0, 2)

    assert read(engine, "orders", 1) == [b"2"]


def test_a_topic_made_again_has_another_incarnation(engine: EmbeddedEngine) -> None:
    def incarnation() -> str:
        told = requests.get(f"{engine.registry_url}/incarnations", timeout=5).json()
        return str(told["orders"])

    engine.call("create_topic", "orders", 1)
    first, again = incarnation(), incarnation()
    engine.call("delete_topic", "orders")
    engine.call("create_topic", "orders", 1)

    assert first == again
    assert incarnation() != first


def test_more_than_one_broker_can_be_held_up() -> None:
    with embedded(brokers=3) as engine:
        engine.call("create_topic", "orders", 1, 3)
        assert len(engine.bootstrap.split(",")) == 3
        assert len(producer(engine).list_topics(timeout=10).brokers) == 3


@pytest.mark.parametrize(
    ("call", "arguments"),
    [("create_topic", ["orders"]), ("delete_topic", ["nobody"]), ("down", [7]), ("close", []), ("__init__", [])],
)
def test_what_cannot_be_done_is_said(engine: EmbeddedEngine, call: str, arguments: list[object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        engine.call(call, *arguments)

    assert engine.alive


def test_it_ends_with_the_one_who_started_it() -> None:
    engine = EmbeddedEngine()
    assert engine.process.stdin is not None
    engine.process.stdin.close()  # all that a death leaves behind

    assert engine.process.wait(10) == 0
    engine.stop()


def test_an_engine_that_was_killed_is_not_alive() -> None:
    engine = EmbeddedEngine()
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait(10)

    assert not engine.alive
    with pytest.raises((OperatorError, BrokenPipeError)):
        engine.call("incarnations")
    engine.stop()


def test_ctrl_c_in_the_terminal_does_not_reach_it(engine: EmbeddedEngine) -> None:
    os.kill(engine.process.pid, signal.SIGINT)
    time.sleep(0.2)

    assert engine.call("incarnations") == {}


def test_a_cluster_lives_in_this_process_too() -> None:
    cluster = Cluster()
    try:
        assert cluster.create_topic("orders", 2)
        assert not cluster.create_topic("orders", 2)
        client = Producer({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        assert len(client.list_topics("orders", timeout=10).topics["orders"].partitions) == 2
    finally:
        cluster.close()


def test_a_closed_cluster_answers_nobody() -> None:
    cluster = Cluster()
    address = cluster.bootstrap
    cluster.close()

    with pytest.raises(KafkaException):
        Producer({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=1)


def test_a_time_is_refused_where_no_message_is_found_by_it(engine: EmbeddedEngine) -> None:
    """The embedded broker answers "none" to every time, as if nothing were there."""
    engine.call("create_topic", "times", 1)
    reading = {"bootstrap.servers": engine.bootstrap, "group.id": "times"}
    client, long_ago = Consumer(reading), datetime(2020, 1, 1, tzinfo=UTC)
    try:
        assert kafka.offset_at(client, "times", 0, long_ago) == 0
        assert publish(producer(engine), "times", b"x") is None
        with pytest.raises(OperatorError, match="by its time") as refused:
            kafka.offset_at(client, "times", 0, long_ago)
        assert "earliest" in refused.value.hint
    finally:
        client.close()
