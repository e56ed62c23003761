"""Topics on a broker, as the table says; on a real broker, because the embedded one knows no admin calls."""
from __future__ import annotations

import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from commerce_events.bus import topics_admin
from commerce_events.bus.topics_admin import Difference, create_topics, differences
from commerce_events.exceptions import TransientError
from commerce_events.topics import FULFILLMENT_TOPIC, ORDER_TOPIC, TOPICS
from tests.engines.broker import Broker


@pytest.fixture
def client(broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap})


@pytest.fixture
def unused(client: AdminClient) -> Iterator[str]:
    """A prefix with no topics yet; those made are deleted."""
    prefix = f"test-{uuid4().hex[:12]}"
    yield prefix
    made = [name for name in client.list_topics(timeout=10).topics if name.startswith(prefix)]
    for future in client.delete_topics(made).values() if made else ():
        future.result(10)


@pytest.mark.real
def test_topics_are_made_as_the_table_says(client: AdminClient, unused: str) -> None:
    assert sorted(create_topics(client, unused)) == sorted(f"{unused}-{name}" for name in TOPICS)
    assert differences(client, unused) == []


@pytest.mark.real
def test_making_them_again_makes_none(client: AdminClient, unused: str) -> None:
    create_topics(client, unused, partitions=1)

    assert create_topics(client, unused, partitions=1) == []


@pytest.mark.real
def test_topics_that_are_missing_are_told(client: AdminClient, unused: str) -> None:
    create_topics(client, unused, [TOPICS[ORDER_TOPIC]])

    assert [found.topic for found in differences(client, unused)] == [
        f"{unused}-{name}" for name in TOPICS if name != ORDER_TOPIC
    ]


@pytest.mark.real
def test_a_topic_that_somebody_made_otherwise_is_left_alone_and_told(client: AdminClient, unused: str) -> None:
    name = f"{unused}-{FULFILLMENT_TOPIC}"
    own = NewTopic(name, num_partitions=2, replication_factor=1, config={"retention.ms": "60000"})
    client.create_topics([own])[name].result(10)

    assert name not in create_topics(client, unused)
    assert differences(client, unused) == [
        Difference(name, "retention.ms", "-1", "60000"),
        Difference(name, "partitions", "12", "2"),
    ]


def test_a_difference_reads_as_a_sentence() -> None:
    assert str(Difference("orders", "retention.ms", "-1", "60000")) == "orders: retention.ms is 60000, wanted -1"


def test_a_broker_that_is_away_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_admin, "TIMEOUT", 0.5)
    client = AdminClient({"bootstrap.servers": "127.0.0.1:9", "log_level": 0, "socket.timeout.ms": 500})

    with pytest.raises(TransientError):
        differences(client, "dev")


def test_so_is_one_that_takes_the_question_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_admin, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = AdminClient({"bootstrap.servers": f"127.0.0.1:{silent.getsockname()[1]}", "log_level": 0})

        with pytest.raises(TransientError):
            create_topics(client, "dev")
        with pytest.raises(TransientError):
            topics_admin._settings(client, ["dev-orders"])
