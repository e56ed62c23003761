"""What an order is on the topics, in bytes."""
from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, TopicPartition

from commerce_events import topics


def topic_bytes(bootstrap: str, prefix: str) -> dict[str, dict[str, float]]:
    """For the order topic and the results topic: messages, and the mean bytes of key, value and headers of some."""
    found = {}
    for name in (topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC):
        client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "benchmark-sizes", "enable.auto.commit": False,
        })  # fmt: skip
        full = topics.full_topic(name, prefix)
        places = [TopicPartition(full, number, 0) for number in client.list_topics(full, 10).topics[full].partitions]
        count = sum(client.get_watermark_offsets(place, 10)[1] for place in places)
        client.assign(places)
        sample = client.consume(min(count, 500), 5) if count else []
        client.close()
        if sample:
            found[name] = {"messages": count, "bytes": round(sum(map(_bytes, sample)) / len(sample), 1)}
    return found


def _bytes(message: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in message.headers() or ())
    return len(message.key() or b"") + len(message.value() or b"") + headers
