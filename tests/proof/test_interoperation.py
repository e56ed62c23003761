"""With the stock event bus on the other side, and with an independent reader."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from commerce_events import signals, topics, wire
from commerce_events.bus import kafka
from commerce_events.registry import Registry
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.proof import checkers
from tests.proof.shop import COURSES, Shop

SETTINGS = {"SESSION_TIMEOUT": 6}

# confluent's registry client and the stock producer never close their connections
pytestmark = [
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


def _consume(processes: Processes) -> None:
    ended = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle", settings=SETTINGS)
    assert ended.returncode == 0, ended.stderr


def _results(broker: Broker, prefix: str) -> list[tuple[Any, dict[str, Any]]]:
    """Every result, read by confluent's own deserializer without our schemas."""
    topic = topics.full_topic(topics.FULFILLMENT_TOPIC, prefix)
    reader = AvroDeserializer(SchemaRegistryClient({"url": broker.registry_url}))
    client = Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": "independent", "auto.offset.reset": "earliest"}
    )
    partitions = [TopicPartition(topic, number, 0) for number in range(3)]
    client.assign(partitions)
    left = sum(client.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
    read = []
    while len(read) < left:
        message = client.poll(10)
        assert message is not None and message.error() is None
        context = SerializationContext(topic, MessageField.VALUE, message.headers())
        read.append((message, reader(message.value(), context)))
    client.close()
    return read


def test_an_independent_reader_finds_key_headers_and_schema_of_a_result(
    database: Any, shop: Shop, broker: Broker, prefix: str, processes: Processes
) -> None:
    shop.paid(0)
    shop.refunded(0)
    _consume(processes)
    checkers.all_is_well(shop)

    read = _results(broker, prefix)
    assert [body["fulfillment"]["outcome"] for _, body in read] == ["completed", "completed", "revoked", "revoked"]
    for message, body in read:
        result = body["fulfillment"]
        headers = {name: value.decode() for name, value in message.headers()}
        assert message.key() == b"shop:o0" == result["order_key"].encode()
        assert headers["ce_type"] == f"org.openedx.commerce.fulfillment.{result['outcome']}.v1"
        assert headers["ce_id"] == result["result_id"]
        assert set(headers) == {
            "ce_type", "ce_id", "ce_source", "ce_time", "ce_specversion", "ce_minorversion", "sourcehost", "sourcelib",
            "content-type", "ce_datacontenttype",
        }  # fmt: skip
        schema_id, _ = wire.unframe(message.value())
        assert wire.accept_writer(headers["ce_type"], Registry(broker.registry_url).schema_by_id(schema_id))


def test_an_order_of_the_stock_producer_is_fulfilled(
    database: Any, shop: Shop, broker: Broker, prefix: str, processes: Processes
) -> None:
    from edx_event_bus_kafka import create_producer

    body = builders.order_paid("s1", lms_user_id=shop.learners[0], course_key=COURSES[0])
    order = wire.from_dict(topics.ORDER_PAID_TYPE, body)
    producer = create_producer()
    producer.send(
        signal=signals.ORDER_PAID, topic=topics.ORDER_TOPIC, event_key_field="order.order_key",
        event_data={"order": order},
        event_metadata=signals.ORDER_PAID.generate_signal_metadata(),
    )  # fmt: skip
    producer.prepare_for_shutdown()
    shop.expected[shop.learners[0], COURSES[0]] = "verified"
    _consume(processes)
    checkers.all_is_well(shop)


def test_the_stock_consumer_receives_our_results_and_orders(
    postgresql: Any, shop: Shop, broker: Broker, prefix: str, processes: Processes
) -> None:
    from edx_event_bus_kafka import KafkaEventConsumer
    from openedx_events.tooling import load_all_signals

    shop.paid(0)
    _consume(processes)
    load_all_signals()
    for topic, signal, argument, count in (
        (topics.ORDER_TOPIC, signals.ORDER_PAID, "order", 1),
        (topics.FULFILLMENT_TOPIC, signals.FULFILLMENT_COMPLETED, "fulfillment", 2),
    ):
        group = f"{prefix}-{argument}"
        _begin_at_the_beginning(broker, group, topics.full_topic(topic, prefix))
        consumer = KafkaEventConsumer(topic, group)
        got: list[Any] = []

        def receive(
            got: list[Any] = got, consumer: Any = consumer, count: int = count, argument: str = argument, **kwargs: Any
        ) -> None:
            got.append(kwargs[argument])
            if len(got) == count:
                consumer._shut_down()

        signal.connect(receive, weak=False)
        try:
            consumer.consume_indefinitely()
        finally:
            signal.disconnect(receive)
        assert {each.order_key for each in got} == {"shop:o0"}
        assert type(got[0]) is signal.init_data[argument]


def _begin_at_the_beginning(broker: Broker, group: str, topic: str) -> None:
    """A new group of the stock consumer begins at the end of the topic, and no setting changes that."""
    client = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group})
    kafka.commit(client, {(topic, number): 0 for number in range(3)})
    client.close()


@pytest.mark.parametrize("route", ["ours", "the stock one"])
def test_the_stock_command_runs_our_loop_for_our_topics(
    route: str, postgresql: Any, shop: Shop, broker: Broker, prefix: str, settings: Any
) -> None:
    from openedx_events.event_bus import make_single_consumer

    settings.EVENT_BUS_CONSUMER = "commerce_events.bus.consumer.create_consumer"
    if route == "the stock one":
        consumer = make_single_consumer(topic="user-login", group_id=f"{prefix}-other")
        assert type(consumer).__module__.startswith("edx_event_bus_kafka")
        return
    shop.paid(0)
    consumer = make_single_consumer(
        topic=topics.ORDER_TOPIC, group_id=f"{prefix}-stock", **{"from": "earliest", "until_idle": True}
    )
    consumer.consume_indefinitely()
    checkers.all_is_well(shop)


def test_a_producer_without_anything_of_ours_is_fulfilled(
    postgresql: Any, shop: Shop, broker: Broker, prefix: str, processes: Processes
) -> None:
    """Only the .avsc, fastavro and two headers."""
    import io
    import json
    from pathlib import Path

    import fastavro
    import requests

    text = (Path(__file__).parents[2] / "schemas" / "org.openedx.commerce.order.paid.v1.avsc").read_text()
    topic = f"{prefix}-commerce-order-lifecycle"
    subject = f"{topic}-org.openedx.commerce.order.paid.v1.CloudEvent"
    answer = requests.post(f"{broker.registry_url}/subjects/{subject}/versions", json={"schema": text}, timeout=10)
    now = datetime.now(UTC).isoformat()
    order = {
        "source": "shop", "order_id": "plain", "order_key": "shop:plain", "order_number": "plain", "revision": 0,
        "paid_at": now, "occurred_at": now, "is_test": False, "email_opt_in": False,
        "learner": {"lms_user_id": shop.learners[1], "email_verified": False},
        "lines": [
            {"line_id": "1", "product_kind": "course_seat", "course_key": COURSES[1], "mode": "honor", "quantity": 1}
        ],
    }  # fmt: skip
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(text)), {"order": order})
    value = b"\0" + answer.json()["id"].to_bytes(4, "big") + out.getvalue()
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(
        topic, value, b"shop:plain", headers={"ce_type": "org.openedx.commerce.order.paid.v1", "ce_id": "1"}
    )
    assert producer.flush(10) == 0
    shop.expected[shop.learners[1], COURSES[1]] = "honor"
    _consume(processes)
    checkers.all_is_well(shop)
