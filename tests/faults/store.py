"""A store of the laboratory, a process of its own without Django: ``python -m tests.faults.store SPEC``.

SPEC is a JSON file: ``begin`` (Unix time), ``bootstrap``, ``registry``, ``prefix``, and ``sales`` as the plan has them.
Each message is published until the broker has acknowledged it. A store that was killed begins again with the first:
what the broker has already is content that the LMS knows.
"""
from __future__ import annotations

import io
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import fastavro
from confluent_kafka import KafkaException, Producer

from commerce_events import topics, wire
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import OperatorError, TransientError

#: What it says around each sale: between the two a broker may have a message without its having heard so.
SELLING, SOLD = "selling", "sold"


def main(spec: dict[str, Any]) -> None:
    """Sell everything."""
    client = _client(spec)
    raw = Producer({"bootstrap.servers": spec["bootstrap"], "acks": "all", "message.timeout.ms": 5000, "log_level": 0})
    topic = topics.full_topic(topics.ORDER_TOPIC, spec["prefix"])
    for at, _, kind, body, how in spec["sales"]:
        time.sleep(max(0.0, spec["begin"] + at - time.time()))
        print(SELLING, flush=True)
        while not _sent(client, raw, topic, kind, body, how):
            time.sleep(0.1)
        print(SOLD, flush=True)


def _client(spec: dict[str, Any]) -> StoreClient:
    return StoreClient(
        spec["bootstrap"], spec["registry"], prefix=spec["prefix"], register=True, timeout=4,
        kafka={"reconnect.backoff.max.ms": 500, "log_level": 0},
    )  # fmt: skip


def _sent(client: StoreClient, raw: Producer, topic: str, kind: str, body: dict[str, Any], how: str) -> bool:
    if kind not in topics.EVENT_TYPES:
        return _spoiled(raw, topic, kind, body)
    try:
        if how:
            return _otherwise(client, raw, topic, kind, body, how)
        client.publish(kind, body)
    except (TransientError, OperatorError) as error:
        print(f"again: {error}", flush=True)
        return False
    return True


def _otherwise(client: StoreClient, raw: Producer, topic: str, kind: str, body: dict[str, Any], how: str) -> bool:
    """An event as a store of another version writes it, or on a partition of its own choice."""
    schema = json.loads(wire.schema_text(kind))
    if how in _VERSIONS:
        _VERSIONS[how](schema)
    text, written = json.dumps(schema), io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(json.loads(text)), body)
    number = client.registry.register(f"{topics.subject(topic, kind)}{how if how in _VERSIONS else ''}", text)
    headers = wire.headers(kind, uuid.uuid4(), datetime.now(UTC), "commerce-events/other")
    key = next(iter(body.values()))["order_key"].encode()
    return _produced(raw, topic, wire.frame(number, written.getvalue()), key, headers, how)


def _older(schema: dict[str, Any]) -> None:
    """Fields that nobody here fills are not known yet."""
    for record in _records(schema):
        record["fields"] = [each for each in record["fields"] if each["name"] not in _LATER]


def _newer(schema: dict[str, Any]) -> None:
    """Every record has a field more."""
    for record in _records(schema)[1:]:
        record["fields"].append({"name": "gift_note", "type": ["null", "string"], "default": None})


def _records(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [record for each in schema for record in _records(each)]
    if not isinstance(schema, dict):
        return []
    inner = [record for each in schema.get("fields", ()) for record in _records(each["type"])]
    inner += _records(schema.get("items")) + (_records(schema["type"]) if isinstance(schema.get("type"), dict) else [])
    return [schema, *inner] if schema.get("type") == "record" else inner


_LATER = {"credit_provider", "course_uuid", "store_customer_id", "reason_code"}
_VERSIONS: dict[str, Callable[[dict[str, Any]], None]] = {"older": _older, "newer": _newer}


def _spoiled(raw: Producer, topic: str, kind: str, body: dict[str, Any]) -> bool:
    """Bytes that nobody can read, as ``kind`` says."""
    draw = Random(body["number"])
    event_type = [(topics.HEADER_TYPE, topics.ORDER_PAID_TYPE.encode())]
    value: bytes | None = {
        "tombstone": None, "truncated": b"\0\0", "wrong magic": b"\1\0\0\0\1" + draw.randbytes(40),
        "unknown schema": b"\0\x7f\xff\xff\xff" + draw.randbytes(40), "large": b"\0" + draw.randbytes(900_000),
    }.get(kind, draw.randbytes(60))  # fmt: skip
    key = None if kind == "no key" else f"shop:poison-{body['number']}".encode()
    return _produced(raw, topic, value, key, [] if kind == "no headers" else event_type)


def _produced(
    raw: Producer, topic: str, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]], how: str = ""
) -> bool:
    reports: list[Any] = []
    more = {"partition": int(how)} if how.isdigit() else {}
    try:
        raw.produce(
            topic, value, key=key, headers=headers, on_delivery=lambda error, _: reports.append(error), **more
        )  # fmt: skip
    except (KafkaException, BufferError):
        return False
    raw.flush(6)
    return bool(reports) and reports[0] is None  # not ==: a KafkaError cannot be compared with None


if __name__ == "__main__":
    if "COMMERCE_EVENTS_TEST_KILL" in os.environ:
        from tests.proof import killer

        killer.arm()
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
