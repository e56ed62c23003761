"""A broker with TLS, logins and ACLs: what a store and an LMS need, shown; and what they hear where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import OperatorError
from commerce_events.models import Inbox
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.proof.secured import LOGINS, Secured, secured

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("keytool") is None or shutil.which("mvn") is None, reason="needs Java and Maven"),
]

PREFIX = "prod"
GROUP = "commerce-events"
ORDERS, RESULTS = (f"{PREFIX}-{topic}" for topic in (topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC))
CONSUME = ("consume_commerce_events", "--from", "earliest", "--until-idle")
#: The ACLs of docs/how-tos/secure-kafka.rst.
STORE = [("topic", ORDERS, "WRITE"), ("topic", RESULTS, "READ")]
LMS = [("topic", ORDERS, "READ"), ("group", GROUP, "READ"), ("topic", RESULTS, "WRITE"), ("topic", RESULTS, "READ")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("secured"), PREFIX) as running:
        yield running


@pytest.fixture
def lms(postgresql: Any, broker: Broker, kafka: Secured, tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path, {
        "COMMERCE_EVENTS_TEST_DATABASE": postgresql.url, "COMMERCE_EVENTS_TEST_BOOTSTRAP": kafka.bootstrap,
        "COMMERCE_EVENTS_TEST_REGISTRY": broker.registry_url, "COMMERCE_EVENTS_TEST_PREFIX": PREFIX,
    })  # fmt: skip
    yield started
    started.close()


def cli(kafka: Secured, broker: Broker, user: str, *arguments: str, password: str = "") -> Any:
    """``commerce-events`` with a login in the environment, by the stock event bus's names."""
    environment = {
        **os.environ, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "EVENT_BUS_TOPIC_PREFIX": PREFIX,
        "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": broker.registry_url, "EVENT_BUS_KAFKA_API_KEY": user,
        "EVENT_BUS_KAFKA_API_SECRET": password or LOGINS[user],
    }  # fmt: skip
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    program = [sys.executable, "-c", "from commerce_events.cli import main; main()", *arguments]
    ended = subprocess.run(
        [*program, "--kafka", f"ssl.ca.location={kafka.certificate}"], env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert LOGINS[user] not in ended.stdout + ended.stderr
    return ended


def test_with_these_acls_and_no_others_an_order_is_fulfilled_and_its_result_read(
    kafka: Secured, broker: Broker, lms: Processes
) -> None:
    for user, acls in (("store", STORE), ("lms", LMS)):
        for resource, name, operation in acls:
            kafka.allow(user, resource, name, operation)
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
    kafka.allow("nobody", "topic", ORDERS, "READ")
    ended = lms.manage(*CONSUME, settings=settings)
    assert ended.returncode == 3 and "Group authorization failed" in ended.stderr
