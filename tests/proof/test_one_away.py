"""One broker of three away: what is sold meanwhile is decided meanwhile, whichever it is."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from commerce_events import topics
from commerce_events.bus import kafka
from commerce_events.bus.access import SILENCE
from commerce_events.bus.embedded.native import KafkaBroker
from commerce_events.bus.topics_admin import create_topics
from commerce_events.exceptions import TransientError
from tests.engines.broker import Broker
from tests.proof import checkers, secured
from tests.proof.shop import Shop
from tests.proof.steady import all_done, eventually, log_of
from tests.proof.three import Three

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]

AWAY = {"killed": (KafkaBroker.kill, KafkaBroker.start), "paused": (KafkaBroker.pause, KafkaBroker.resume)}
Way = tuple[Callable[[KafkaBroker], None], Callable[[KafkaBroker], None]]


@pytest.fixture(params=AWAY)
def way(request: pytest.FixtureRequest) -> Way:
    return AWAY[request.param]


@pytest.fixture
def cluster(three: Three) -> Three:
    create_topics(three.admin, secured.PREFIX, partitions=3)
    return three


@pytest.fixture
def shop(cluster: Three, broker: Broker, postgresql: Any) -> Iterator[Shop]:
    opened = Shop(replace(broker, bootstrap=cluster.bootstrap), secured.PREFIX)
    yield opened
    opened.close()


def asks(cluster: Three, number: int) -> AdminClient:
    """A client that asks this broker: librdkafka asks who was named as controller, and any may be."""
    client = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0, **SILENCE})
    eventually(lambda: client.list_topics(timeout=10).controller_id == number, f"broker {number} is named")
    return client


def once_more(ask: Callable[[], dict[str, str]]) -> dict[str, str]:
    """As the intake does; who is away may have been named three times."""
    try:
        return ask()
    except TransientError:
        return ask()


def test_topic_ids_are_told_though_who_was_asked_for_them_is_away(cluster: Three, way: Way) -> None:
    go, _ = way
    topic = topics.full_topic(topics.ORDER_TOPIC, secured.PREFIX)
    told = kafka.topic_ids(cluster.admin, [topic])
    client = asks(cluster, 1)
    go(cluster.brokers[0])
    assert told and once_more(lambda: kafka.topic_ids(client, [topic])) == told


def test_whichever_broker_is_away_orders_are_decided(
    cluster: Three, way: Way, shop: Shop, broker: Broker, postgresql: Any, tmp_path: Path
) -> None:
    go, come = way
    with secured.lms(tmp_path, postgresql.url, cluster.bootstrap, broker.registry_url) as processes:
        consumer = processes.consume("--from", "earliest", settings={"TOPIC_CHECK": 1})
        for round_, each in enumerate(cluster.brokers):
            shop.paid(4 * round_)
            eventually(lambda sold=4 * round_ + 1: all_done(sold), "it is at work, and has joined its group")
            eventually(cluster.is_whole, "every copy is in step")
            go(each)
            try:
                for order in range(1, 4):
                    shop.paid(4 * round_ + order)
                eventually(lambda sold=4 * (round_ + 1): all_done(sold), f"broker {round_ + 1} is not needed")
            finally:
                come(each)
        assert consumer.alive
        consumer.stop(60)
        assert "Traceback" not in log_of(processes)
    checkers.all_is_well(shop)
