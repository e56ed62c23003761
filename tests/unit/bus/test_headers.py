"""Headers that are no text: such a message is set aside, and neither the loop nor a reader stops at it."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from commerce_events import topics
from commerce_events.bus import closing, handlers, kafka
from commerce_events.bus.client import StoreClient
from commerce_events.bus.codec import Decoder, Poison
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.guard import Guard
from commerce_events.bus.reader import Reader
from commerce_events.bus.worker import Options, Worker
from commerce_events.exceptions import ContractError
from commerce_events.models import DeadLetter, Inbox
from commerce_events.registry import Registry
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase
from tests.unit.bus.raw_producer import produce

NAMELESS = [(b"\xff\xfe", b"name is no text"), (b"ce_type", topics.ORDER_PAID_TYPE.encode())]
ODD = [(b"ce_type", b"\xff\xfe"), (b"odd", b"\x00\xff")]


@pytest.fixture
def topic(broker: Broker, prefix: str) -> str:
    return f"{prefix}-{topics.ORDER_TOPIC}"


def consumed(broker: Broker, topic: str, count: int = 1) -> list[Any]:
    """The first messages of the topic, as the client hands them over."""
    client = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "test", "enable.auto.commit": False})
    client.assign([TopicPartition(topic, 0, 0)])
    messages: list[Any] = client.consume(count, 10)
    closing.close(client)
    assert len(messages) == count and not any(message.error() for message in messages)
    return messages


def test_a_name_that_is_no_text_is_the_messages_fault(broker: Broker, topic: str) -> None:
    for _ in range(30):
        produce(broker.bootstrap, topic, b"?", NAMELESS)
    for message in consumed(broker, topic, 30):  # so many that Python's fast calls, which look for no error, set in
        with pytest.raises(ContractError, match="no UTF-8"):
            kafka.headers(message)


def test_it_is_poison_however_often_it_is_decoded(broker: Broker, topic: str) -> None:
    """A batch that cannot be stored is decoded again; to ask for these headers twice would end the process."""
    produce(broker.bootstrap, topic, b"\x00bytes", NAMELESS)
    (message,) = consumed(broker, topic)
    decoder = Decoder(Registry(broker.registry_url), {topics.ORDER_PAID_TYPE}, 1000)
    for _ in range(3):
        found = decoder.decode(message)
        assert isinstance(found, Poison)
        assert (found.reason, found.value, found.headers) == ("undecodable", b"\x00bytes", "[]")


def test_contents_that_are_no_text_are_kept_as_they_are(broker: Broker, topic: str) -> None:
    produce(broker.bootstrap, topic, b"?", ODD)
    found = Decoder(Registry(broker.registry_url), {topics.ORDER_PAID_TYPE}, 1000).decode(*consumed(broker, topic))
    assert isinstance(found, Poison) and found.reason == "unknown_type"
    assert '["odd",{"hex":"00ff"}]' in found.headers


def test_orders_before_and_behind_them_are_handled(database: TestDatabase, broker: Broker, topic: str) -> None:
    prefix = topic.removesuffix(f"-{topics.ORDER_TOPIC}")
    with StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, register=True) as store:
        for number in range(4):
            store.publish(topics.ORDER_PAID_TYPE, builders.order_paid(str(number)))
            for partition in range(3):
                produce(broker.bootstrap, topic, b"?", NAMELESS if number % 2 else ODD, partition)
    settings = bus_settings()
    worker = Worker(settings, handlers.load(settings.handlers), Options(start="earliest", until_idle=True))
    worker.run()
    assert Inbox.objects.filter(topic=topic, state="handled").count() == 4
    assert DeadLetter.objects.count() == worker.totals.dead == 12


def test_a_reader_tells_them_and_reads_on(broker: Broker, topic: str) -> None:
    produce(broker.bootstrap, topic, b"?", NAMELESS)
    produce(broker.bootstrap, topic, b"?", ODD)
    reader = Reader({"bootstrap.servers": broker.bootstrap}, Registry(broker.registry_url), [topic], "earliest")
    heard: list[Any] = []
    while len(heard) < 2:
        heard += reader.read(5)
    reader.close()
    assert "no UTF-8" in heard[0].problem
    assert heard[1].problem


def test_they_keep_nobody_from_looking_at_his_results(database: TestDatabase, broker: Broker, topic: str) -> None:
    """The guard of a fresh database reads the results topic, where anybody may have written anything."""
    results = topic.replace(topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC)
    produce(broker.bootstrap, results, b"?", NAMELESS)
    produce(broker.bootstrap, results, b"?", ODD)
    settings = bus_settings()
    assert Guard(settings, Registry(broker.registry_url)).check() is False
