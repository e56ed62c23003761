"""Plain loops over multi-row SQL: what no consumer that keeps such rows can be faster than.

Batches as large as ours, fastavro, one transaction, the result events, their acknowledgement, the offsets committed. No
rules, no validation, no look-ups but for the dedupe. :func:`same_rows` writes every row that we write for the same
orders, by the same statements; :func:`three_tables` what the stock receiver writes.
"""
from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import fastavro
import orjson
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from django.conf import settings
from django.db import connection, transaction

from benchmarks import database
from benchmarks.models import Enrollment, Processed, Result
from commerce_events import identity, topics, wire
from commerce_events import models as bus
from commerce_events.bus import intake, outbox, sql
from commerce_events.registry import Registry
from consumers.fulfillment import models as ledger
from consumers.fulfillment.reference.models import ReferenceEnrollment

BATCH = 1000
#: The columns that the ledger writes for a line.
GRANT = (
    "stream_id", "number", "order_key", "order_number", "line_id", "state", "pair", "place", "lms_user_id",
    "course_key", "product_kind", "product", "mode", "paid_at", "quantity", "seats_used", "refunded_total",
    "ordered_quantity", "is_full", "chargeback", "hint", "found", "content", "outcome", "reason", "base", "last_mode",
    "last_active",
)  # fmt: skip
STREAM = ("id", "digest", "topic", "key", "next_n", "revision", "closed", "created_at")
ENROLLMENT = (
    "pair", "mode", "is_active", "order_key", "order_number", "line_id", "lms_user_id", "course_key", "is_certified",
)  # fmt: skip

#: A result on its way: key, body, and the id it is published under.
Results = list[tuple[str, bytes, bytes]]


def same_rows(count: int) -> dict[str, Any]:
    """Every row that we write."""
    return {**_loop(count, SameRows()), "rows": database.counts()}


def three_tables(count: int) -> dict[str, Any]:
    """A dedupe row, an enrollment per line, a result row; one result event for an order."""
    return _loop(count, ThreeTables())


def _loop(count: int, work: SameRows | ThreeTables) -> dict[str, Any]:
    database.empty()
    database.settle()
    connection.ensure_connection()
    consumer, emit, decode = loop_parts()
    messages = consumer.consume(1, 10)
    began, busy, done = time.perf_counter(), time.process_time(), 0
    while done < count:
        messages += consumer.consume(BATCH - len(messages), 1)
        emitted = work.store([decode(message) for message in messages])
        emit(emitted)
        work.sent()
        consumer.commit(asynchronous=False)
        done += len(messages)
        messages = []
    return {"events": done, "seconds": time.perf_counter() - began, "busy": time.process_time() - busy}


def loop_parts() -> tuple[Consumer, Emitter, Callable[[Message], tuple[str, Message, dict[str, Any]]]]:
    """What reads, what publishes, and what decodes."""
    return _consumer(), Emitter(), _decoder()


def _consumer() -> Consumer:
    topic = topics.full_topic(topics.ORDER_TOPIC, settings.EVENT_BUS_TOPIC_PREFIX)
    consumer = Consumer({
        "bootstrap.servers": os.environ["COMMERCE_EVENTS_TEST_BOOTSTRAP"], "group.id": f"plain-{uuid4().hex[:12]}",
        "enable.auto.commit": False, "fetch.wait.max.ms": 50,
    })  # fmt: skip
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    return consumer


def _decoder() -> Callable[[Message], tuple[str, Message, dict[str, Any]]]:
    """Id, message and order."""
    schema, read, stream = wire.schema(topics.ORDER_PAID_TYPE), fastavro.schemaless_reader, io.BytesIO

    def decode(message: Message) -> tuple[str, Message, dict[str, Any]]:
        message_id = next(value for name, value in message.headers() if name == "ce_id")
        return message_id.decode(), message, read(stream(message.value()[5:]), schema, None)["order"]

    return decode


class Emitter:
    """Publishes a batch's results and waits for the broker."""

    def __init__(self) -> None:
        self.topic = topics.full_topic(topics.FULFILLMENT_TOPIC, settings.EVENT_BUS_TOPIC_PREFIX)
        subject = topics.subject(self.topic, topics.FULFILLMENT_COMPLETED_TYPE)
        registry = Registry(os.environ["COMMERCE_EVENTS_TEST_REGISTRY"])
        schema_id = registry.register(subject, wire.schema_text(topics.FULFILLMENT_COMPLETED_TYPE))
        self.head = b"\0" + schema_id.to_bytes(4, "big")
        told = topics.FULFILLMENT_COMPLETED_TYPE
        self.headers = wire.headers(told, uuid4(), datetime.now(UTC), "openedx/lms/web")
        bootstrap = os.environ["COMMERCE_EVENTS_TEST_BOOTSTRAP"]
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "enable.idempotence": True})
        self.producer.list_topics(self.topic, timeout=10)

    def __call__(self, results: Results) -> None:
        first, _, *rest = self.headers
        for key, body, message_id in results:
            headers = [first, ("ce_id", message_id), *rest]
            self.producer.produce(self.topic, key=key.encode(), value=self.head + body, headers=headers)
        if self.producer.flush(30):
            raise RuntimeError("results were not acknowledged")


def encoder() -> Callable[[dict[str, Any]], bytes]:
    schema, write = wire.schema(topics.FULFILLMENT_COMPLETED_TYPE), fastavro.schemaless_writer

    def encode(data: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        write(out, schema, {"fulfillment": data})
        return out.getvalue()

    return encode


def result(order: dict[str, Any], line: dict[str, Any], result_id: str, number: int, at: str) -> dict[str, Any]:
    return {
        "result_id": result_id, "installation": "test-lms", "source": order["source"], "order_id": order["order_id"],
        "order_key": order["order_key"], "order_number": order["order_number"], "line_id": line["line_id"],
        "refund_id": None, "action": "fulfill", "outcome": "completed", "reason_code": "enrolled", "is_final": True,
        "attempt": 1, "sequence": identity.sequence(1, number), "lms_user_id": order["learner"]["lms_user_id"],
        "course_key": line["course_key"], "mode_before": None, "mode_after": line["mode"], "is_active_after": True,
        "quantity": 1, "seats_used": 1, "decided_at": at, "next_retry_at": None,
    }  # fmt: skip


class SameRows:
    """The rows of the inbox, the streams, the ledger, the enrollments and the outbox."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.encode = encoder()
        self.batch = 0

    def store(self, events: Sequence[tuple[str, Message, dict[str, Any]]]) -> Results:
        now = datetime.now(UTC)
        at, paid, done = now.isoformat(timespec="microseconds"), topics.ORDER_PAID_TYPE, "completed"
        told = topics.FULFILLMENT_COMPLETED_TYPE
        streams, received, grants, enrollments, parcels, parcel = [], [], [], [], [], b""
        results: Results = []
        with transaction.atomic():
            payloads = [orjson.dumps(order) for _, _, order in events]
            digests = [sha256(payload).digest() for payload in payloads]
            seen = {row[0] for row in sql.select(bus.Inbox, ("digest",), "digest", digests)}
            count = sum(len(order["lines"]) for *_, order in events)
            self.batch = bus.OutboxBatch.objects.create(messages=count, created_at=now).pk
            first = self.batch * outbox.PARCELS
            for (_, message, order), payload, digest in zip(events, payloads, digests, strict=True):
                if digest in seen:
                    continue
                seen.add(digest)
                key, number, lines, stream = order["order_key"], order["order_number"], order["lines"], next(self.ids)
                learner, paid_at = order["learner"]["lms_user_id"], datetime.fromisoformat(order["paid_at"])
                streams.append((
                    stream, sha256(key.encode()).digest(), topics.ORDER_TOPIC, key, len(lines) + 1, 0, False, now,
                ))  # fmt: skip
                detail = [(line["line_id"], "fulfill", None, done, "enrolled", None, line["mode"]) for line in lines]
                received.append((
                    digest, stream, paid, "handled", None, 0, "", payload.decode(), "", message.topic(),
                    message.partition(), message.offset(), now, now, orjson.dumps(detail).decode(),
                    str(first + len(parcels)),
                ))  # fmt: skip
                for place, line in enumerate(lines):
                    course, mode, line_id = line["course_key"], line["mode"], line["line_id"]
                    pair = sha256(f"{learner}:{course}".encode()).digest()
                    result_id = str(uuid4())
                    grants.append((
                        stream, place, key, number, line_id, "active", pair, 0, learner, course, "course_seat", "",
                        mode,
                        paid_at, 1, 1, 0, 1, False, False, "", "", digest, done, "enrolled", None, mode, True,
                    ))  # fmt: skip
                    enrollments.append((pair, mode, True, key, number, line_id, learner, course, False))
                    body = self.encode(result(order, line, result_id, place, at))
                    parcel += outbox.pack(
                        stream, told, result_id, place, line_id, topics.FULFILLMENT_TOPIC, key, "", body
                    )
                    results.append((key, body, result_id.encode()))
                if len(parcel) >= outbox.PARCEL:
                    parcels.append((first + len(parcels), self.batch, parcel, now))
                    parcel = b""
            if parcel:
                parcels.append((first + len(parcels), self.batch, parcel, now))
            sql.insert(bus.Stream, STREAM, streams)
            sql.insert(ledger.Grant, GRANT, grants)
            sql.insert(ReferenceEnrollment, ENROLLMENT, enrollments)
            sql.insert(bus.Outbox, outbox.COLUMNS, parcels)
            sql.insert(bus.Inbox, intake.COLUMNS, received)
        return results

    def sent(self) -> None:
        bus.OutboxBatch.objects.filter(pk=self.batch).delete()


class ThreeTables:
    """The rows of the stock receiver, many at a time."""

    def __init__(self) -> None:
        self.encode = encoder()

    def store(self, events: Sequence[tuple[str, Message, dict[str, Any]]]) -> Results:
        now = datetime.now(UTC)
        at = now.isoformat(timespec="microseconds")
        with transaction.atomic():
            seen = {row[0] for row in sql.select(Processed, ("event_id",), "event_id", [event[0] for event in events])}
            new = [(message_id, order) for message_id, _, order in events if message_id not in seen]
            sql.insert(Processed, ("event_id", "seen_at"), [(message_id, now) for message_id, _ in new])
            sql.insert(Enrollment, ("lms_user_id", "course_key", "mode", "is_active", "order_key"), [
                (order["learner"]["lms_user_id"], line["course_key"], line["mode"], True, order["order_key"])
                for _, order in new for line in order["lines"]
            ])  # fmt: skip
            sql.insert(Result, ("order_key", "status", "payload", "created_at"), [
                (order["order_key"], "ok", f'{{"lines": {len(order["lines"])}}}', now) for _, order in new
            ])  # fmt: skip
        results: Results = []
        for message_id, order in new:
            body = self.encode(result(order, order["lines"][0], message_id, 1, at))
            results.append((order["order_key"], body, message_id.encode()))
        return results

    def sent(self) -> None:
        """Nothing is kept of what was sent."""
