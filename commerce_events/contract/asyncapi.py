"""The AsyncAPI 3 document: topics, messages, keys and headers, from the same tables as the code.

It refers to the ``.avsc`` files instead of repeating them; the two documents of the specification followed here are
AsyncAPI 3.0.0 and its Kafka bindings 0.5.0.
"""
from __future__ import annotations

import re
from typing import Any

from commerce_events import topics
from commerce_events.contract import examples

AVRO = "application/vnd.apache.avro+json;version=1.9.0"
_DESCRIPTION = """\
A store says that an order was paid or refunded; an LMS says what became of each line. No event carries a price.

A topic may have a prefix (`{prefix}-commerce-order-lifecycle`): ask the operator of the LMS. A value is a zero byte,
the schema id in four bytes (big-endian) and the Avro body. The key is the plain UTF-8 text of `order_key`; the
partitioner is murmur2, the default of Java."""
_HEADERS = {
    topics.HEADER_TYPE: "The event type; decides how the value is read.",
    topics.HEADER_ID: "A UUID, new with each send.",
    topics.HEADER_SOURCE: "Who sent it.",
    topics.HEADER_TIME: "When the event happened, as a time.",
    topics.HEADER_SPEC_VERSION: "Always 1.0.",
    topics.HEADER_MINOR_VERSION: "Always 0.",
    topics.HEADER_CONTENT_TYPE: "Always application/avro.",
    topics.HEADER_DATA_CONTENT_TYPE: "Always application/avro.",
    topics.HEADER_SOURCE_HOST: "The sending host.",
    topics.HEADER_SOURCE_LIB: "Version of openedx-events at the sender, numbers and dots.",
    topics.HEADER_TRACE: "W3C trace context, passed on.",
}


def document(version: str) -> dict[str, Any]:
    """The whole document.

    Arguments:
        version: of the package.
    """
    types = topics.EVENT_TYPES
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Commerce events for Open edX",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": topics.CONTENT_TYPE,
        "channels": {name: _channel(topic) for name, topic in topics.TOPICS.items() if _types_of(name)},
        "operations": {
            operation: _operation(name, action, summary)
            for operation, name, action, summary in (
                ("publishOrders", topics.ORDER_TOPIC, "send", "A store publishes what became of an order's money."),
                ("receiveOrders", topics.ORDER_TOPIC, "receive", "An LMS fulfils orders."),
                ("publishResults", topics.FULFILLMENT_TOPIC, "send", "An LMS answers each order line."),
                ("receiveResults", topics.FULFILLMENT_TOPIC, "receive",
                 "A store closes lines, an analyst counts them: per line, action and refund the highest sequence."),
            )
        },
        "components": {
            "messages": {message_name(row): _message(row) for row in types.values()},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
        },
    }  # fmt: skip


def message_name(row: topics.EventType) -> str:
    """ORDER_PAID → OrderPaid."""
    return re.sub(r"_?([A-Z])([A-Z]*)", lambda found: found[1] + found[2].lower(), row.name)


def _types_of(topic: str) -> list[topics.EventType]:
    return [row for row in topics.EVENT_TYPES.values() if row.topic == topic]


def _channel(topic: topics.Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Holds {topic.holds}.",
        "messages": {
            message_name(row): {"$ref": f"#/components/messages/{message_name(row)}"} for row in _types_of(topic.name)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(topic: str, action: str, summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{message_name(row)}"} for row in _types_of(topic)],
    }


def _message(row: topics.EventType) -> dict[str, Any]:
    return {
        "name": row.event_type,
        "title": row.name,
        "summary": row.meaning[0].upper() + row.meaning[1:] + ".",
        "contentType": topics.CONTENT_TYPE,
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"schemaFormat": AVRO, "schema": {"$ref": f"./{row.event_type}.avsc"}},
        "correlationId": {
            "description": "source:order_id, also the key: joins orders and results.",
            "location": f"$message.payload#/{row.argument}/order_key",
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{row.key_field} as plain UTF-8, not framed."},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicRecordNameStrategy",
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"name": "valid", "payload": examples.valid(row.event_type)}],
    }


def _headers() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": meaning} for name, meaning in _HEADERS.items()}
    return {"type": "object", "required": list(topics.MANDATORY_HEADERS), "properties": properties}
