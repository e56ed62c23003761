"""A store of the laboratory, a process of its own without Django: ``python -m tests.faults.store SPEC``.

SPEC is a JSON file: ``begin`` (Unix time), ``bootstrap``, ``registry``, ``prefix``, and ``sales`` as the plan has them.
Each message is published until the broker has acknowledged it. A store that was killed begins again with the first:
what the broker has already is content that the LMS knows.
"""
from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import KafkaException, Producer

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.exceptions import TransientError


def main(spec: dict[str, Any]) -> None:
    """Sell everything."""
    client = _client(spec)
    raw = Producer({"bootstrap.servers": spec["bootstrap"], "acks": "all", "message.timeout.ms": 5000, "log_level": 0})
    topic = topics.full_topic(topics.ORDER_TOPIC, spec["prefix"])
    for at, _, kind, body in spec["sales"]:
        time.sleep(max(0.0, spec["begin"] + at - time.time()))
        while not (_published(client, kind, body) if kind in topics.EVENT_TYPES else _spoiled(raw, topic, kind, body)):
            time.sleep(0.1)
    print("sold out", flush=True)


def _client(spec: dict[str, Any]) -> StoreClient:
    return StoreClient(
        spec["bootstrap"], spec["registry"], prefix=spec["prefix"], register=True, timeout=4,
        kafka={"reconnect.backoff.max.ms": 500, "log_level": 0},
    )  # fmt: skip


def _published(client: StoreClient, kind: str, body: dict[str, Any]) -> bool:
    try:
        client.publish(kind, body)
    except TransientError as error:
        print(f"again: {error}", flush=True)
        return False
    return True


def _spoiled(raw: Producer, topic: str, kind: str, body: dict[str, Any]) -> bool:
    """Bytes that nobody can read, as ``kind`` says."""
    draw = Random(body["number"])
    event_type = [(topics.HEADER_TYPE, topics.ORDER_PAID_TYPE.encode())]
    value: bytes | None = {
        "tombstone": None, "truncated": b"\0\0", "wrong magic": b"\1\0\0\0\1" + draw.randbytes(40),
        "unknown schema": b"\0\x7f\xff\xff\xff" + draw.randbytes(40), "large": b"\0" + draw.randbytes(900_000),
    }.get(kind, draw.randbytes(60))  # fmt: skip
    reports: list[Any] = []
    try:
        raw.produce(
            topic, value, key=None if kind == "no key" else f"shop:poison-{body['number']}".encode(),
            headers=[] if kind == "no headers" else event_type, on_delivery=lambda error, _: reports.append(error),
        )  # fmt: skip
    except (KafkaException, BufferError):
        return False
    raw.flush(6)
    return reports == [None]


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
