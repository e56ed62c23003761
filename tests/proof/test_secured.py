"""A broker with TLS, logins and ACLs: what a store and an LMS need, shown; and what they hear where it is missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, Producer

from commerce_events import topics, wire
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import OperatorError
from commerce_events.models import DeadLetter, Inbox, Stream
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.proof import secured
from tests.proof.secured import (
    CONSUME,
    GROUP,
    HANDLES_NOTHING,
    LMS,
    LOGINS,
    ORDERS,
    PREFIX,
    RELAY,
    RESULTS,
    STORE,
    Secured,
)

#: The topic of a second store.
THEIRS = f"{PREFIX}-other-{topics.ORDER_TOPIC}"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured.secured(tmp_path_factory.mktemp("secured")) as running:
        secured.create(running, THEIRS)
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
    handled = Inbox.objects.filter(topic=ORDERS, state="handled").values("stream_id")  # other tests have sold, too
    assert set(Stream.objects.filter(id__in=handled, key__in=["shop:1", "shop:2"]).values_list("key", flat=True)) == {
        "shop:1", "shop:2",
    }  # fmt: skip

    heard = cli(kafka, broker, "store", "listen", "--results", "--from", "earliest", "--until-idle", "2")
    assert heard.returncode == 0, heard.stderr
    assert "shop:1" in heard.stdout and "shop:2" in heard.stdout


def test_a_store_can_write_no_result_and_no_topic_of_another_store(kafka: Secured, broker: Broker) -> None:
    kafka.allow("store", STORE)
    kafka.allow("other", [("topic", f"{PREFIX}-other-*", "WRITE"), ("topic", RESULTS, "READ")])
    assert written(kafka, "store", ORDERS, THEIRS, RESULTS) == {ORDERS: True, THEIRS: False, RESULTS: False}
    assert written(kafka, "other", ORDERS, THEIRS, RESULTS) == {ORDERS: False, THEIRS: True, RESULTS: False}
    refused = cli(kafka, broker, "other", "trigger", "order.paid")
    assert refused.returncode == 3 and "Topic authorization failed" in refused.stderr


def test_a_store_that_acts_for_another_is_set_aside_and_nobody_is_told_of_it(
    kafka: Secured, broker: Broker, lms: Processes
) -> None:
    """The broker says who may write a topic, the settings whose events may stand on it."""
    theirs = f"other-{topics.ORDER_TOPIC}"
    kafka.allow("store", STORE)
    kafka.allow("other", [("topic", f"{PREFIX}-other-*", "WRITE")])
    kafka.allow("lms", [*LMS, ("topic", THEIRS, "READ")])
    logins = {user: kafka.kafka(user, "SCRAM-SHA-512") for user in ("store", "other")}
    address = kafka.bootstrap, broker.registry_url
    with (
        StoreClient(*address, prefix=PREFIX, kafka=logins["store"], register=True) as store,
        StoreClient(*address, prefix=f"{PREFIX}-other", kafka=logins["other"], register=True) as other,
    ):
        store.publish_order_paid(builders.order_paid("id"))
        other.publish_order_paid(builders.order_paid("theirs", source="other"))
        other.publish_order_paid(builders.order_paid("forged"))  # as if the first store had
        store.publish_order_paid(builders.order_paid("forged", source="other"))
        store.publish_order_paid(builders.order_paid("forged", source="stranger"))
        # what breaks the contract is answered; but not where somebody else asks
        broken = builders.order_paid("broken", lines=[builders.line("a"), builders.line("a")])
        value = wire.frame(other._ids[topics.ORDER_PAID_TYPE], wire.encode(topics.ORDER_PAID_TYPE, broken))
        headers = wire.headers(topics.ORDER_PAID_TYPE, uuid4(), datetime.now(UTC), "other")
        other._send(THEIRS, b"shop:broken", value, headers)

    lms.environment["COMMERCE_EVENTS_TEST_FULFILLMENT"] = json.dumps({"SOURCES": {"shop": {}, "other": {}}})
    ended = lms.manage(*CONSUME, settings={
        "KAFKA": kafka.kafka("lms", "SCRAM-SHA-512"), "CONSUMER_GROUP": GROUP,
        "TOPICS": [topics.ORDER_TOPIC, theirs], "SOURCE_TOPICS": {"other": theirs},
    })  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert set(Stream.objects.values_list("key", flat=True)) >= {"shop:id", "other:theirs"}
    letters = DeadLetter.objects.filter(reason="wrong_topic").order_by("topic")
    assert [letter.topic for letter in letters] == [ORDERS, THEIRS, THEIRS]
    assert not Stream.objects.filter(key__in=["shop:forged", "other:forged", "shop:broken"]).exists()
    listen = ["listen", "--results", "--from", "earliest", "--until-idle", "2", "--format", "ndjson"]
    heard = [json.loads(line) for line in cli(kafka, broker, "store", *listen).stdout.splitlines()]
    assert {"shop:id", "other:theirs"} <= {each["key"] for each in heard}
    told = [each for each in heard if "forged" in each["key"] or "broken" in each["key"]]
    assert {(each["key"], each["data"]["fulfillment"]["reason_code"]) for each in told} == {
        ("stranger:forged", "source_not_allowed")
    }


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
    # of the topic or of the producer's own id: the broker refuses both, and either answer may be the first
    assert refused.returncode == 3, refused.stderr
    assert re.search("(Topic|Cluster) authorization failed", refused.stderr)

    settings = {"KAFKA": kafka.kafka("nobody"), "CONSUMER_GROUP": GROUP}
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 3 and "refuses to describe topic" in ended.stderr
    kafka.allow("nobody", [("topic", ORDERS, "READ")])
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 3 and "Group authorization failed" in ended.stderr

    wrong = {**settings, "KAFKA": {**kafka.kafka("nobody"), "sasl.password": "wrong"}}
    for ended in (lms.manage(*CONSUME, settings=wrong), lms.manage(*RELAY, settings={**wrong, **HANDLES_NOTHING})):
        assert ended.returncode == 3 and "Invalid username or password" in ended.stderr
