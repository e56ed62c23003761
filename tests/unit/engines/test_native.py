"""The broker that was started here is the container's: it has the same settings, and keeps what it was given."""
from __future__ import annotations

from uuid import uuid4

import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from commerce_events.bus.embedded.settings import broker_environment, properties
from commerce_events.topics import ORDER_TOPIC, full_topic
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase


@pytest.fixture
def ours(broker: Broker) -> Broker:
    if not broker.stoppable:
        pytest.skip(f"the broker is not ours to stop: {broker.kind}")
    return broker


def test_a_message_comes_back(broker: Broker, prefix: str) -> None:
    topic = full_topic(ORDER_TOPIC, prefix)

    publish(broker, topic, b"one")

    assert read(broker, topic) == [b"one"]


def test_a_started_broker_has_the_settings_of_the_container(ours: Broker) -> None:
    client = AdminClient({"bootstrap.servers": ours.bootstrap})
    (future,) = client.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    found = {name: entry.value for name, entry in future.result(20).items()}
    wanted = properties(broker_environment())

    assert len(wanted) > 10
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_comes_back_has_what_it_was_given(ours: Broker, prefix: str, how: str) -> None:
    topic = full_topic(ORDER_TOPIC, prefix)
    publish(ours, topic, b"before")

    getattr(ours.engine.broker, how)()
    ours.engine.broker.start()
    publish(ours, topic, b"after")

    assert read(ours, topic) == [b"before", b"after"]


@pytest.mark.slow
def test_a_registry_that_comes_back_has_what_it_was_given(ours: Broker) -> None:
    subject = f"{ours.registry_url}/subjects/{uuid4()}/versions"
    given = requests.post(subject, json={"schema": '"string"'}, timeout=10).json()["id"]

    ours.engine.registry.kill()
    ours.engine.registry.start()

    assert requests.get(f"{subject}/1", timeout=10).json()["id"] == given


def test_a_command_sees_the_database_the_broker_and_the_topics_of_the_test(
    database: TestDatabase, processes: Processes
) -> None:
    done = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle")

    assert done.returncode == 0, done.stderr


def test_a_consumer_runs_until_it_is_killed(postgresql: TestDatabase, processes: Processes) -> None:
    consumer = processes.consume("--from", "earliest")
    assert consumer.alive

    consumer.kill()

    assert not consumer.alive


def publish(broker: Broker, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def read(broker: Broker, topic: str) -> list[bytes | None]:
    """What stands on the first partition."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": str(uuid4()), "enable.auto.commit": False})
    try:
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages = consumer.consume(high, timeout=30)
    finally:
        consumer.close()
    return [message.value() for message in messages]
