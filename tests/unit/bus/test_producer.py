"""``send_event`` through the outbox: what is rolled back was never sent, what is committed is published."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.db import transaction
from openedx_events.learning.data import UserData, UserPersonalData
from openedx_events.learning.signals import STUDENT_REGISTRATION_COMPLETED

from commerce_events import signals, topics, wire
from commerce_events.bus import outbox
from commerce_events.bus.producer import create_producer
from commerce_events.exceptions import ContractError
from commerce_events.models import Outbox, OutboxBatch
from commerce_events.testing import builders
from tests.engines.schema import TestDatabase
from tests.unit.bus.brokers import Broker
from tests.unit.bus.test_relay import Site


def send_order(order_id: str, **more: Any) -> Any:
    metadata = signals.ORDER_PAID.generate_signal_metadata()
    order = wire.from_dict(topics.ORDER_PAID_TYPE, builders.order_paid(order_id, **more))
    create_producer().send(
        signal=signals.ORDER_PAID, topic=topics.ORDER_TOPIC, event_key_field="order.order_key",
        event_data={"order": order}, event_metadata=metadata,
    )  # fmt: skip
    return metadata


def send_registration(name: str) -> Any:
    metadata = STUDENT_REGISTRATION_COMPLETED.generate_signal_metadata()
    user = UserData(
        pii=UserPersonalData(username=name, email=f"{name}@example.com", name=""), id=7, is_active=True
    )
    create_producer().send(
        signal=STUDENT_REGISTRATION_COMPLETED, topic="user-registration", event_key_field="user.pii.username",
        event_data={"user": user}, event_metadata=metadata,
    )  # fmt: skip
    return metadata


def test_a_rolled_back_transaction_publishes_nothing(database: TestDatabase) -> None:
    site = Site(Broker())
    with transaction.atomic():
        send_order("1")
        send_registration("learner")
        transaction.set_rollback(True)
    assert site.relay.run() == 0
    assert not Outbox.objects.exists() and not OutboxBatch.objects.exists()


def test_a_committed_order_is_published_as_the_stock_producer_would(database: TestDatabase) -> None:
    site = Site(Broker())
    with transaction.atomic():
        metadata = send_order("1", email="learner@example.com")
        assert not site.broker.log
    assert site.relay.run() == 1
    (message,) = site.broker.log
    headers = {name: value.decode() for name, value in message.headers}
    assert (message.of_topic, message.key) == ("test-commerce-order-lifecycle", b"shop:1")
    assert (headers["ce_id"], headers["ce_type"]) == (str(metadata.id), topics.ORDER_PAID_TYPE)
    _, body = wire.unframe(message.value)
    assert wire.decode(topics.ORDER_PAID_TYPE, body)["order"]["learner"]["email"] == "learner@example.com"


def test_any_open_edx_event_is_published_with_its_own_schema(database: TestDatabase) -> None:
    from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

    site = Site(Broker())
    metadata = send_registration("learner")
    assert site.relay.run() == 1
    (message,) = site.broker.log
    headers = {name: value.decode() for name, value in message.headers}
    assert (message.of_topic, message.key) == ("test-user-registration", b"learner")
    assert (headers["ce_id"], headers["ce_type"]) == (str(metadata.id), STUDENT_REGISTRATION_COMPLETED.event_type)
    assert "schema" not in headers
    assert site.registry.known == [
        (
            f"test-user-registration-{STUDENT_REGISTRATION_COMPLETED.event_type}.CloudEvent",
            AvroSignalSerializer(STUDENT_REGISTRATION_COMPLETED).schema_string(),
        )
    ]


def test_events_are_published_in_the_order_of_their_commits(database: TestDatabase) -> None:
    site = Site(Broker())
    ids = [str(send_order(str(i)).id) for i in range(5)]
    site.until_done()
    assert [dict(message.headers)["ce_id"].decode() for message in site.broker.log] == ids


def test_an_order_that_breaks_the_contract_fails_in_the_callers_transaction(database: TestDatabase) -> None:
    with pytest.raises(ContractError):
        send_order("1", order_key="shop:2")
    assert not Outbox.objects.exists()


def test_headers_are_the_events_own(database: TestDatabase) -> None:
    metadata = send_order("1")
    (message,) = outbox.messages(OutboxBatch.objects.values_list("pk", flat=True))
    kept = orjson.loads(message.headers)
    assert kept["ce_id"] == str(metadata.id) != str(uuid4())
    assert datetime.fromisoformat(kept["ce_time"]) == metadata.time
    assert metadata.time.tzinfo is not None and metadata.time <= datetime.now(UTC)
