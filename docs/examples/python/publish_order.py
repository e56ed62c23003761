"""Publish one paid order with confluent-kafka, fastavro and the .avsc file; nothing of ours, no Django.

Usage: ``python publish_order.py BROKER REGISTRY FULL_TOPIC AVSC ORDER_ID``
"""
import io
import sys
import uuid
from datetime import UTC, datetime

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

TYPE = "org.openedx.commerce.order.paid.v1"
broker, registry, topic, path, order_id = sys.argv[1:]
now = datetime.now(UTC).isoformat(timespec="microseconds")  # always six digits and +00:00

with open(path, encoding="utf-8") as file:
    text = file.read()
schema_id = SchemaRegistryClient({"url": registry, "timeout": 10}).register_schema(
    f"{topic}-{TYPE}.CloudEvent", Schema(text, "AVRO")
)
order = {
    "source": "shop", "order_id": order_id, "order_key": f"shop:{order_id}", "order_number": order_id, "revision": 0,
    "paid_at": now, "occurred_at": now, "is_test": False, "email_opt_in": False,
    "learner": {"email": "learner@example.com", "email_verified": True},
    "lines": [{
        "line_id": "1", "product_kind": "course_seat", "course_key": "course-v1:Demo+X+2026", "mode": "verified",
        "quantity": 1,
    }],
}  # fmt: skip
body = io.BytesIO()
fastavro.schemaless_writer(body, fastavro.parse_schema(fastavro.schema.load_schema(path)), {"order": order})

failures = []


def delivered(error, message):
    """Say where the message is, or remember that the broker did not take it: keep the order and send again."""
    if error:
        failures.append(error)
    else:
        print(message.topic(), message.partition(), message.offset())


producer = Producer({
    "bootstrap.servers": broker, "acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random",
})
producer.produce(
    topic,
    key=f"shop:{order_id}".encode(),
    value=b"\0" + schema_id.to_bytes(4, "big") + body.getvalue(),
    headers={"ce_type": TYPE, "ce_id": str(uuid.uuid4())},
    on_delivery=delivered,
)
left = producer.flush(30)
sys.exit(f"not delivered: {failures or left}" if failures or left else 0)
