"""Hostile messages meet the real consumer on the real broker: it sets them aside, within a bound of memory."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Producer

from commerce_events import topics, wire
from commerce_events.bus.codec import KEPT
from commerce_events.models import DeadLetter, Inbox
from tests.engines.processes import Processes
from tests.proof import checkers, hostile
from tests.proof.hostile import ATTACKS, MEGABYTE, PAID
from tests.proof.shop import Shop
from tests.proof.steady import eventually, handled

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"),
]

#: What all of it together may cost, beside one order that was handled before.
BOUND = 160 * MEGABYTE
TWENTY = "twenty megabytes"
#: Attacks under schemas that a real registry takes; the others are tried without one (``test_hostile_memory``).
THROWN = [name for name, (event_type, _, _) in ATTACKS.items() if event_type == PAID and name != "a good order"]


def put(shop: Shop) -> None:
    """Each of them; what is longer than the broker takes is sent as nothing but zeros, which pack well."""
    topic = topics.full_topic(topics.ORDER_TOPIC, shop.prefix)
    producer = Producer({
        "bootstrap.servers": shop.broker.bootstrap, "compression.type": "gzip", "message.max.bytes": 32 * MEGABYTE,
        "log_level": 3,
    })  # fmt: skip
    for name in THROWN:
        _, schema, body = ATTACKS[name]
        subject = f"{topic}-{uuid.uuid4().hex}"
        answer = requests.post(
            f"{shop.broker.registry_url}/subjects/{subject}/versions", timeout=20,
            json={"schema": hostile.schema_text(name) if schema else wire.schema_text(PAID)},
        )  # fmt: skip
        assert answer.ok, answer.text
        value = wire.frame(answer.json()["id"], body())
        headers: Any = [("ce_type", PAID.encode()), ("ce_id", b"1")]
        producer.produce(topic, value, b"shop:bad", headers=headers, on_delivery=arrived)
        if name == TWENTY:
            producer.produce(topic, value[:100], bytes(len(value)), headers=headers, on_delivery=arrived)
            producer.produce(topic, value[:100], value[:KEPT], headers=[*headers, ("long", value)], on_delivery=arrived)
        assert producer.flush(60) == 0


def arrived(error: Any, _: Any) -> None:
    assert error is None, error


def test_hostile_messages_are_set_aside_within_a_bound_of_memory(
    database: Any, shop: Shop, processes: Processes
) -> None:
    if database.kind == "sqlite":
        pytest.skip("for small stores and tests")
    shop.paid(0)
    consumer = processes.consume("--from", "earliest")
    eventually(lambda: handled() == 1, "an order")
    hostile.forget_peak(consumer.pid)
    before = hostile.peak(consumer.pid)
    put(shop)
    shop.paid(1)
    eventually(lambda: handled() == 2 and DeadLetter.objects.count() == len(THROWN) + 2, "the order behind them")
    grown = hostile.peak(consumer.pid) - before
    assert grown < BOUND, json.dumps({"grown": grown})
    consumer.stop(60)
    reasons = set(DeadLetter.objects.values_list("reason", flat=True))
    assert reasons == {"undecodable", "too_large"}
    # no database is asked to take a statement of twenty megabytes, which MariaDB would refuse for ever
    letters = DeadLetter.objects.filter(reason="too_large")
    assert {max(len(bytes(letter.value)), len(bytes(letter.key)), len(letter.headers)) for letter in letters} == {KEPT}
    assert not Inbox.objects.filter(state="held").exists()
    checkers.seats_are_right(shop)
