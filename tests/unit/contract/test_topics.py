"""The one table of event types, topics, keys and headers."""
from __future__ import annotations

import pytest
from confluent_kafka.schema_registry import topic_record_subject_name_strategy
from confluent_kafka.serialization import MessageField, SerializationContext
from django.test import override_settings
from edx_event_bus_kafka.internal.config import get_full_topic

from commerce_events import topics, wire
from commerce_events.topics import EVENT_TYPES, FULFILLMENT_TOPIC, ORDER_TOPIC, TOPICS


@pytest.mark.parametrize("row", EVENT_TYPES.values(), ids=lambda row: row.name)
def test_a_name_follows_the_platform_and_says_a_fact(row: topics.EventType) -> None:
    organisation, commerce, subject, verb, version = row.event_type.removeprefix("org.").split(".")
    assert (organisation, commerce, version) == ("openedx", "commerce", "v1")
    assert row.name == f"{subject}_{verb}".upper()
    assert verb.endswith(("ed", "paid"))
    assert row.topic in TOPICS


def test_orders_come_on_one_topic_and_results_on_the_other() -> None:
    assert {row.topic for row in EVENT_TYPES.values() if row.argument in ("order", "refund")} == {ORDER_TOPIC}
    assert {row.topic for row in EVENT_TYPES.values() if row.argument not in ("order", "refund")} == {FULFILLMENT_TOPIC}


def test_every_outcome_has_its_result_type() -> None:
    assert sorted(topics.RESULT_TYPES) == ["completed", "deferred", "failed", "retained", "revoked", "skipped"]
    for outcome, event_type in topics.RESULT_TYPES.items():
        assert EVENT_TYPES[event_type].data_class == "FulfillmentData"
        assert event_type == f"org.openedx.commerce.fulfillment.{outcome}.v1"


def test_personal_data_goes_after_thirty_days_and_results_stay() -> None:
    kept = {name: topic.retention_ms / topics.DAY_MS for name, topic in TOPICS.items() if topic.retention_ms > 0}
    assert kept == {ORDER_TOPIC: 30, topics.DEAD_LETTER_TOPIC: 30}
    assert TOPICS[FULFILLMENT_TOPIC].retention_ms == -1


@pytest.mark.parametrize("row", EVENT_TYPES.values(), ids=lambda row: row.name)
def test_the_subject_is_the_one_the_stock_producer_registers(row: topics.EventType) -> None:
    full = topics.full_topic(row.topic, "prod")
    record = wire.schema(row.event_type)["name"]
    context = SerializationContext(full, MessageField.VALUE)
    assert topics.subject(full, row.event_type) == topic_record_subject_name_strategy(context, record)


@pytest.mark.parametrize("prefix", ["prod", "", None])
def test_the_full_name_of_a_topic_is_the_stock_bus_s(prefix: str | None) -> None:
    with override_settings(EVENT_BUS_TOPIC_PREFIX=prefix):
        assert topics.full_topic(ORDER_TOPIC, prefix) == get_full_topic(ORDER_TOPIC)


def test_two_orders_never_share_a_key() -> None:
    """A source holds no colon; an order id may."""
    assert topics.order_key("shop", "a:b").partition(":") == ("shop", ":", "a:b")
