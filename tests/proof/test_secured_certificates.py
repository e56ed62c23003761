"""A broker that lets in who shows a certificate (mTLS): the store and the LMS do, by names of their own."""

from __future__ import annotations

import shutil
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
from tests.engines.certificates import Authority
from tests.engines.processes import Processes
from tests.proof import secured
from tests.proof.secured import CONSUME, GROUP, HANDLES_NOTHING, LMS, ORDERS, PREFIX, RELAY, STORE, Secured

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured.secured(tmp_path_factory.mktemp("mutual")) as running:
        running.allow("shop-by-certificate", STORE)
        running.allow("lms-by-certificate", LMS)
        yield running


@pytest.fixture
def lms(postgresql: Any, broker: Broker, kafka: Secured, tmp_path: Path) -> Iterator[Processes]:
    with secured.lms(tmp_path, postgresql.url, kafka.mutual, broker.registry_url) as started:
        yield started


def test_store_and_lms_are_known_by_their_certificates(kafka: Secured, broker: Broker, lms: Processes) -> None:
    shop = kafka.by_certificate(kafka.authority.issue("shop-by-certificate"))
    with StoreClient(kafka.mutual, broker.registry_url, prefix=PREFIX, kafka=shop, register=True) as store:
        store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("1"))
    looked = secured.cli(kafka.mutual, broker, ["trigger", "order.paid", "--order", "2"], shop, None)
    assert looked.returncode == 0, looked.stderr

    us = kafka.by_certificate(kafka.authority.issue("lms-by-certificate"))
    ended = lms.manage(*CONSUME, settings={"KAFKA": us, "CONSUMER_GROUP": GROUP})
    assert ended.returncode == 0, ended.stderr
    assert Inbox.objects.filter(topic=ORDERS, state="handled").count() == 2

    heard = secured.cli(
        kafka.mutual, broker, ["listen", "--results", "--from", "earliest", "--until-idle", "2"], shop, None
    )
    assert heard.returncode == 0, heard.stderr
    assert "shop:1" in heard.stdout and "shop:2" in heard.stdout
    # each is who its certificate says, and may no more
    with (
        StoreClient(kafka.mutual, broker.registry_url, prefix=PREFIX, kafka=us, register=True) as store,
        pytest.raises(OperatorError, match="Topic authorization failed"),
    ):
        store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("3"))
    ended = lms.manage(*CONSUME, settings={"KAFKA": shop, "CONSUMER_GROUP": "another"})
    assert ended.returncode == 3 and "authorization failed" in ended.stderr


WANTED = "The broker does not take our certificate, or wants one."
UNUSABLE = "the Kafka client does not take its settings: Failed to create consumer: ssl.key.location failed"


@pytest.mark.parametrize(
    ("shown", "why", "commands"),
    [
        ("none", WANTED, ["doctor", "trigger"]), ("a stranger's", WANTED, ["listen"]),
        ("no key", UNUSABLE, ["doctor"]), ("another's key", UNUSABLE, ["doctor"]),
    ],
)  # fmt: skip
def test_without_the_right_certificate_nobody_gets_in_and_hears_why(
    shown: str, why: str, commands: list[str], kafka: Secured, broker: Broker, lms: Processes, tmp_path: Path
) -> None:
    right = kafka.authority.issue("lms-by-certificate")
    settings = {
        "none": kafka.by_certificate(None),
        "a stranger's": kafka.by_certificate(Authority(tmp_path, "stranger").issue("lms-by-certificate")),
        "no key": {**kafka.by_certificate(right), "ssl.key.location": str(tmp_path / "nowhere.key")},
        "another's key": {**kafka.by_certificate(right), "ssl.key.location": str(kafka.authority.issue("another").key)},
    }[shown]
    flags = {"trigger": ["order.paid"], "listen": ["--until-idle", "1"]}
    ended = [secured.cli(kafka.mutual, broker, [name, *flags.get(name, [])], settings, None) for name in commands]
    ended.append(lms.manage(*CONSUME, settings={"KAFKA": settings, "CONSUMER_GROUP": GROUP}))
    ended.append(lms.manage(*RELAY, settings={"KAFKA": settings, **HANDLES_NOTHING}))
    for each in ended:
        said = each.stdout + each.stderr
        assert each.returncode == 3, said
        assert why in said and "Traceback" not in said
