"""The store's client: what it returns from is on the broker, as an independent reader sees it; all else raises."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from commerce_events import topics, wire
from commerce_events.bus.client import Placed, StoreClient
from commerce_events.bus.partitions import murmur2, partition_of
from commerce_events.contract import examples
from commerce_events.data import LearnerData, OrderData, OrderLineData
from commerce_events.exceptions import ContractError, OperatorError, TransientError
from commerce_events.registry import Registry
from tests.unit.bus.brokers import Broker

ORDER = OrderData(
    source="shop", order_id="1042", order_key="shop:1042", order_number="1042", revision=0,
    paid_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC), occurred_at=datetime(2026, 3, 1, 9, 30, 2, tzinfo=UTC),
    is_test=False, email_opt_in=False, learner=LearnerData(email="learner@example.com", email_verified=True),
    lines=[OrderLineData(line_id="1", product_kind="course_seat", course_key="course-v1:edX+DemoX+2026",
                         mode="verified", quantity=1)],
)  # fmt: skip

#: Publishes to a port where nobody listens, for as long as librdkafka would say so a hundred times.
FLOOD = """
import sys
from commerce_events import TransientError
from commerce_events.bus.client import StoreClient
from commerce_events.testing import order_paid
with StoreClient("127.0.0.1:9", sys.argv[1], prefix="flood", register=True, timeout=4) as store:
    try:
        store.publish_order_paid(order_paid()["order"])
    except TransientError as error:
        print(type(error).__name__)
"""


def client(broker: Any, prefix: str, **more: Any) -> StoreClient:
    said = {"register": True, "timeout": 20, **more}
    return StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, **said)


def message_at(broker: Any, placed: Placed) -> Message:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "onlooker", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(placed.topic, placed.partition, placed.offset)])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()


def test_an_independent_reader_finds_what_was_published(broker: Any, prefix: str) -> None:
    with client(broker, prefix) as store:
        placed = store.publish_order_paid(ORDER)
    message = message_at(broker, placed)

    assert message.topic() == f"{prefix}-commerce-order-lifecycle"
    assert message.key() == b"shop:1042"
    headers = dict(message.headers() or [])
    assert headers["ce_type"] == topics.ORDER_PAID_TYPE.encode()
    assert set(topics.MANDATORY_HEADERS) <= set(headers)
    assert headers["content-type"] == b"application/avro"
    with SchemaRegistryClient({"url": broker.registry_url}) as registry:
        read = AvroDeserializer(registry)(message.value(), SerializationContext(placed.topic, MessageField.VALUE))
    assert wire.from_dict(topics.ORDER_PAID_TYPE, read) == ORDER


def test_dictionaries_will_do_and_a_key_has_its_partition(broker: Any, prefix: str) -> None:
    with client(broker, prefix) as store:
        paid = store.publish_order_paid(examples.valid(topics.ORDER_PAID_TYPE)["order"])
        refunded = store.publish_order_refunded(examples.valid(topics.ORDER_REFUNDED_TYPE)["refund"])
        topic = store._producer.list_topics(paid.topic, 10).topics[paid.topic]
    partitions = len(topic.partitions)
    assert partitions > 1
    assert paid.partition == refunded.partition == partition_of("shop:1042", partitions)
    assert refunded.offset == paid.offset + 1


def test_an_event_that_breaks_the_contract_is_not_sent(broker: Any, prefix: str) -> None:
    with client(broker, prefix) as store, pytest.raises(ContractError, match=r"order\.is_test"):
        store.publish_order_paid({**wire.to_dict(ORDER), "is_test": "false"})


def test_a_schema_that_nobody_registered_is_the_operators_business(broker: Any, prefix: str) -> None:
    with client(broker, prefix, register=False) as store, pytest.raises(OperatorError, match="not registered"):
        store.publish_order_paid(ORDER)


def test_a_topic_that_is_not_there_is_the_operators_business(broker: Any) -> None:
    with client(broker, f"nowhere-{time.time_ns()}") as store, pytest.raises(OperatorError, match="refuses") as refused:
        store.publish_order_paid(ORDER)
    assert "prefix" in refused.value.hint


def test_an_event_larger_than_the_client_sends_is_refused(broker: Any, prefix: str) -> None:
    line = examples.valid(topics.ORDER_PAID_TYPE)["order"]["lines"][0]
    many = {**wire.to_dict(ORDER), "lines": [{**line, "line_id": str(i)} for i in range(200)]}
    small = {"message.max.bytes": 1000}
    with client(broker, prefix, kafka=small) as store, pytest.raises(ContractError, match="larger than the broker"):
        store.publish_order_paid(many)


def test_a_broker_that_is_away_raises_within_the_time(broker: Any) -> None:
    store = StoreClient("127.0.0.1:1", broker.registry_url, prefix=f"p{time.time_ns()}", register=True, timeout=1)
    started = time.monotonic()
    with pytest.raises(TransientError, match="not acknowledged"), store:
        store.publish_order_paid(ORDER)
    assert time.monotonic() - started < 10


def test_a_registry_that_is_away_raises(broker: Any, prefix: str) -> None:
    with (
        StoreClient(broker.bootstrap, "http://127.0.0.1:1", prefix=prefix) as store,
        pytest.raises(TransientError, match="registry"),
    ):
        store.publish_order_paid(ORDER)


@pytest.mark.parametrize(("bootstrap", "registry"), [
    ("localhost:9092", "nonsense"), ("localhost:9092", ""), ("localhost:9092", "http://"), ("localhost:9092", None),
    ("localhost:9092", "http://localhost:port"), ("localhost:9092", "ftp://localhost"), ("", "http://localhost:8081"),
    (None, "http://localhost:8081"), ("a:9092,", "http://localhost:8081"), ("a:nine", "http://localhost:8081"),
    ("http://localhost:9092", "http://localhost:8081"), ("a b", "http://localhost:8081"),
])  # fmt: skip
def test_an_address_that_cannot_be_right_is_told_at_once(bootstrap: Any, registry: Any) -> None:
    with pytest.raises(OperatorError) as refused:
        StoreClient(bootstrap, registry)
    assert refused.value.hint


@pytest.mark.parametrize("bootstrap", ["kafka", "kafka-1:9092, kafka-2:9092", "[::1]:9092", "SSL://kafka:9093"])
def test_addresses_that_librdkafka_takes_are_taken(bootstrap: str) -> None:
    StoreClient(bootstrap, "https://user:secret@registry.example.com/apis/ccompat/v7").close()


def test_a_broker_that_is_away_does_not_flood_the_log(broker: Any, prefix: str) -> None:
    tried = subprocess.run(
        [sys.executable, "-c", FLOOD, broker.registry_url], capture_output=True, text=True, check=False, timeout=60
    )
    assert tried.stdout == "TransientError\n"
    lines = tried.stderr.splitlines()
    assert 1 <= len(lines) <= 10, tried.stderr


def test_no_setting_of_the_callers_makes_it_unsafe(broker: Any) -> None:
    store = client(broker, "p", kafka={"acks": "0", "enable.idempotence": False, "partitioner": "random"})
    assert (store._config["acks"], store._config["enable.idempotence"]) == ("all", True)
    assert store._config["partitioner"] == "murmur2_random"
    store.close()


def test_a_setting_that_librdkafka_does_not_know_is_told() -> None:
    with pytest.raises(OperatorError, match="does not take its settings"):
        StoreClient("127.0.0.1:1", "http://127.0.0.1:1", kafka={"compresion.type": "gzip"})


@pytest.mark.parametrize(
    ("text", "expected"),
    # Kafka's own: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_keys_are_hashed_as_in_java(text: str, expected: int) -> None:
    assert murmur2(text.encode()) == expected & 0xFFFFFFFF


def test_it_is_there_without_django() -> None:
    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "edx_event_bus_kafka", "openedx_events"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from commerce_events.bus.client import StoreClient
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_program_in_the_docs_publishes(broker: Any, prefix: str) -> None:
    root = Path(__file__).resolve().parents[3]
    program = root / "docs" / "examples" / "python" / "store_client.py"
    command = [sys.executable, str(program), broker.bootstrap, broker.registry_url, prefix, "77"]
    environment = {**os.environ, "PYTHONPATH": str(root)}  # also where the package is not installed
    refused = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert refused.returncode == 1
    assert "commerce-events schemas register" in refused.stderr

    registry = Registry(broker.registry_url)
    topic = f"{prefix}-{topics.ORDER_TOPIC}"
    registry.register(topics.subject(topic, topics.ORDER_PAID_TYPE), wire.schema_text(topics.ORDER_PAID_TYPE))
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = re.fullmatch(r"(.+)\[(\d+)\]@(\d+)\n", done.stdout)
    assert found is not None
    assert message_at(broker, Placed(found[1], int(found[2]), int(found[3]))).key() == b"shop:77"


class Losing(StoreClient):
    """Its producers are of a broker with a state."""

    def __init__(self, brokers: Broker) -> None:
        self.brokers = brokers
        super().__init__("127.0.0.1:9", "http://127.0.0.1:9")

    def _connected(self) -> Any:
        return self.brokers.producer()


def test_a_producer_that_lost_its_place_is_told_and_replaced() -> None:
    """The Kafka client raises it from whatever is called next: a store hears that it must publish again, and can."""
    place = [b"second"]
    with Losing(Broker(loses=lambda value: bool(place) and value == place[0] and bool(place.pop()))) as store:
        assert store._send("orders", b"k", b"first", []).offset == 0
        with pytest.raises(TransientError, match="the place is lost"):
            store._send("orders", b"k", b"second", [])
        assert store._send("orders", b"k", b"second", []).offset == 1


def test_a_producer_that_was_replaced_is_closed_once_nobody_can_be_using_it() -> None:
    with Losing(Broker()) as store:
        store.timeout = 0.1
        former = store.brokers.producers[-1]
        former.lost = True
        with pytest.raises(TransientError):
            store._send("orders", b"k", b"value", [])
        assert not former.closed.is_set()
        assert former.closed.wait(10)
        assert not store.brokers.producers[-1].closed.is_set()


def test_a_producer_that_is_lost_while_nothing_is_under_way_is_replaced_too() -> None:
    with Losing(Broker()) as store:
        store.brokers.producers[-1].lost = True
        with pytest.raises(TransientError):
            store._send("orders", b"k", b"value", [])
        assert store._send("orders", b"k", b"value", []).topic == "orders"
    lost = Losing(Broker())
    lost.brokers.producers[-1].lost = True
    with pytest.raises(TransientError, match="the place is lost"):
        lost.close()
