"""A paid order becomes an enrollment and a result, on the containers that docker-compose.kafka.yml names."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from django.contrib.auth import get_user_model

from commerce_events.bus import topics_admin
from commerce_events.topics import FULFILLMENT_COMPLETED_TYPE, FULFILLMENT_TOPIC, ORDER_PAID_TYPE, ORDER_TOPIC
from consumers.fulfillment import digests
from consumers.fulfillment.reference.models import ReferenceCourse, ReferenceEnrollment

ROOT = Path(__file__).resolve().parents[2]
COURSE = "course-v1:Demo+X+2026"  # the one that the program in the docs sells

pytestmark = pytest.mark.docker


def test_the_one_shot_service_made_the_topics_as_the_table_says(broker: Any, prefix: str) -> None:
    assert topics_admin.differences(AdminClient({"bootstrap.servers": broker.bootstrap}), prefix) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_order_from_a_program_of_nobody_becomes_an_enrollment_and_a_result(
    broker: Any, prefix: str, database: Any, processes: Any
) -> None:
    learner = get_user_model().objects.create_user("learner", "learner@example.com")
    ReferenceCourse.objects.create(
        digest=digests.of_course(COURSE), course_key=COURSE, modes={"audit": None, "verified": None}
    )
    publish(broker, f"{prefix}-{ORDER_TOPIC}", "docker-1")

    done = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle", "--format", "json")

    assert done.returncode == 0, done.stderr
    enrollment = ReferenceEnrollment.objects.get()
    assert (enrollment.lms_user_id, enrollment.course_key) == (learner.pk, COURSE)
    assert (enrollment.mode, enrollment.is_active) == ("verified", True)
    message, result = result_of(broker, f"{prefix}-{FULFILLMENT_TOPIC}")
    headers = dict(message.headers() or [])
    assert headers["ce_type"] == FULFILLMENT_COMPLETED_TYPE.encode()
    assert message.key() == b"shop:docker-1"
    assert result["fulfillment"]["order_id"] == "docker-1"
    assert result["fulfillment"]["outcome"] == "completed"
    assert result["fulfillment"]["lms_user_id"] == learner.pk
    assert "learner@example.com" not in json.dumps(result, default=str)


def publish(broker: Any, topic: str, order_id: str) -> None:
    """Run the docs' program for stores: confluent-kafka, fastavro and the .avsc, nothing of ours."""
    program = ROOT / "docs" / "examples" / "python" / "publish_order.py"
    schema = ROOT / "schemas" / f"{ORDER_PAID_TYPE}.avsc"
    subprocess.run(
        [sys.executable, program, broker.bootstrap, broker.registry_url, topic, schema, order_id],
        check=True, timeout=60,
    )  # fmt: skip


def result_of(broker: Any, topic: str) -> tuple[Message, dict[str, Any]]:
    """The first result, read as an independent reader would: confluent's own deserializer and the registry's schema."""
    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": f"reader-{uuid4()}", "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    })  # fmt: skip
    consumer.subscribe([topic])
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                with SchemaRegistryClient({"url": broker.registry_url}) as registry:
                    decode = AvroDeserializer(registry)
                    return message, decode(message.value(), SerializationContext(topic, MessageField.VALUE))
    finally:
        consumer.close()
    raise AssertionError(f"no result on {topic}")
