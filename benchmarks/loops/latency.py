"""From publish to a readable result: the time a learner waits, without the platform.

``serve`` is our worker as a service; ``three_commits`` a plain loop in one thread with three commits – inbox, handling,
outbox – and no rules. Both say ``ready`` and run until they are told to stop. ``benchmarks/latency.py`` publishes the
orders at a fixed rate and reads the results.
"""
from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from benchmarks import database
from benchmarks.loops import ceiling
from benchmarks.loops.ours import Watched
from benchmarks.models import Enrollment, Processed, Result
from commerce_events import models as bus
from commerce_events.bus import handlers, kafka, outbox, sql
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.worker import STAGES, Options


def _until_told(stop: Any) -> None:
    signal.signal(signal.SIGTERM, lambda *_: stop())
    print("ready", file=sys.stderr, flush=True)


def serve(_: int) -> dict[str, Any]:
    """The whole worker; beside others if it is told so."""
    if "BENCHMARK_JOINS" not in os.environ:
        database.empty()
    settings = bus_settings()
    worker = Watched(settings, handlers.load(settings.handlers), Options(stages=frozenset(STAGES), start="earliest"))
    _until_told(worker.stop)
    worker.run()
    return {"events": worker.totals.handled}


def three_commits(_: int) -> dict[str, Any]:
    """One thread: take what is there, store, handle, publish, mark as sent."""
    database.empty()
    connection.ensure_connection()
    consumer, emit, decode = ceiling.loop_parts()
    told: list[bool] = []
    _until_told(lambda: told.append(True))
    encode, done = ceiling.encoder(), 0
    while not told:
        messages = kafka.take(consumer, ceiling.BATCH, 0.1)
        if messages:
            _three([decode(message) for message in messages], encode, emit)
            consumer.commit(asynchronous=False)
            done += len(messages)
    return {"events": done}


def _three(events: list[tuple[str, Any, dict[str, Any]]], encode: Any, emit: ceiling.Emitter) -> None:
    now = datetime.now(UTC)
    at = now.isoformat(timespec="microseconds")
    with transaction.atomic():
        sql.insert(Processed, ("event_id", "seen_at"), [(message_id, now) for message_id, *_ in events])
    results, packed = [], []
    with transaction.atomic():
        count = sum(len(order["lines"]) for *_, order in events)
        batch = bus.OutboxBatch.objects.create(messages=count, created_at=now).pk
        sql.insert(Enrollment, ("lms_user_id", "course_key", "mode", "is_active", "order_key"), [
            (order["learner"]["lms_user_id"], line["course_key"], line["mode"], True, order["order_key"])
            for _, _, order in events for line in order["lines"]
        ])  # fmt: skip
        sql.insert(Result, ("order_key", "status", "payload", "created_at"), [
            (order["order_key"], "ok", f'{{"lines": {len(order["lines"])}}}', now) for _, _, order in events
        ])  # fmt: skip
        for _, _, order in events:
            for place, line in enumerate(order["lines"], 1):
                result_id, key = str(uuid4()), order["order_key"]
                body = encode(ceiling.result(order, line, result_id, place, at))
                results.append((key, body, result_id.encode()))
                packed.append(outbox.pack(place, "completed", result_id, place, "slot", "results", key, "", body))
        sql.insert(bus.Outbox, outbox.COLUMNS, [(batch * outbox.PARCELS, batch, b"".join(packed), now)])
    emit(results)
    bus.OutboxBatch.objects.filter(pk=batch).delete()
