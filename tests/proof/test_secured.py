"""A broker with TLS, logins and ACLs: what a store and an LMS need, shown; and what they hear where it is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import OperatorError
from commerce_events.models import Inbox
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.proof import secured
from tests.proof.secured import CONSUME, GROUP, LMS, LOGINS, ORDERS, PREFIX, RESULTS, STORE, Secured

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured.secured(tmp_path_factory.mktemp("secured")) as running:
        yield running


@pytest.fixture
def lms(postgresql: Any, broker: Broker, kafka: Secured, tmp_path: Path) -> Iterator[Processes]:
    with secured.lms(tmp_path, postgresql.url, kafka.bootstrap, broker.registry_url) as started:
        yield started


def cli(kafka: Secured, broker: Broker, user: str, *arguments: str, password: str = "") -> Any:
    """``commerce-events`` as a user; its output never holds the password."""
    trust = {"ssl.ca.location": str(kafka.certificate)}
    ended = secured.cli(kafka.bootstrap, broker, arguments, trust, (user, password or LOGINS[user]))
    assert LOGINS[user] not in ended.stdout + ended.stderr
    return ended


def test_with_these_acls_and_no_others_an_order_is_fulfilled_and_its_result_read(
    kafka: Secured, broker: Broker, lms: Processes
) -> None:
    kafka.allow("store", STORE)
    kafka.allow("lms", LMS)
    placed = cli(kafka, broker, "store", "trigger", "order.paid", "--order", "1")
    assert placed.returncode == 0, placed.stderr
    with StoreClient(
        kafka.bootstrap, broker.registry_url, prefix=PREFIX, kafka=kafka.kafka("store", "SCRAM-SHA-512"), register=True
    ) as store:
        store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("2"))
        store.prefix = "other"
        with pytest.raises(OperatorError, match="refuses"):
            store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("2"))

    settings = {"KAFKA": kafka.kafka("lms", "SCRAM-SHA-512"), "CONSUMER_GROUP": GROUP}
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 0, ended.stderr
    assert Inbox.objects.filter(topic=ORDERS, state="handled").count() == 2

    heard = cli(kafka, broker, "store", "listen", "--results", "--from", "earliest", "--until-idle", "2")
    assert heard.returncode == 0, heard.stderr
    assert "shop:1" in heard.stdout and "shop:2" in heard.stdout


def test_a_store_can_write_no_result_and_no_topic_of_another_store(kafka: Secured, broker: Broker) -> None:
    kafka.allow("store", STORE)
    kafka.allow("other", [("topic", f"{PREFIX}-other-*", "WRITE"), ("topic", RESULTS, "READ")])
    theirs = f"{PREFIX}-other-{topics.ORDER_TOPIC}"
    secured.create(kafka, theirs)
    assert written(kafka, "store", ORDERS, theirs, RESULTS) == {ORDERS: True, theirs: False, RESULTS: False}
    assert written(kafka, "other", ORDERS, theirs, RESULTS) == {ORDERS: False, theirs: True, RESULTS: False}
    refused = cli(kafka, broker, "other", "trigger", "order.paid")
    assert refused.returncode == 3 and "Topic authorization failed" in refused.stderr


def written(kafka: Secured, user: str, *names: str) -> dict[str, bool]:
    """Which of these topics take bytes from a user."""
    answers: dict[str, bool] = {}
    for name in names:
        producer = Producer({
            **kafka.kafka(user, "SCRAM-SHA-512"), "bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 15_000,
            "log_level": 0,
        })  # fmt: skip

        def told(error: KafkaError | None, _: Any, name: str = name) -> None:
            assert error is None or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
            answers[name] = error is None

        producer.produce(name, b"anything", on_delivery=told)
        assert producer.flush(20) == 0
    return answers


def test_whoever_is_not_let_in_hears_why(kafka: Secured, broker: Broker, lms: Processes) -> None:
    for command in (["trigger", "order.paid"], ["listen", "--until-idle", "1"], ["doctor"]):
        ended = cli(kafka, broker, "store", *command, password="wrong")
        assert ended.returncode == 3
        assert "Invalid username or password" in ended.stdout + ended.stderr
    refused = cli(kafka, broker, "nobody", "trigger", "order.paid")
    assert refused.returncode == 3 and "Topic authorization failed" in refused.stderr

    settings = {"KAFKA": kafka.kafka("nobody"), "CONSUMER_GROUP": GROUP}
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 3 and "refuses to describe topic" in ended.stderr
    kafka.allow("nobody", [("topic", ORDERS, "READ")])
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 3 and "Group authorization failed" in ended.stderr

    wrong = {**settings, "KAFKA": {**kafka.kafka("nobody"), "sasl.password": "wrong"}}
    ended = lms.manage(*CONSUME, settings=wrong)
    assert ended.returncode == 3 and "Invalid username or password" in ended.stderr
