"""Names and addresses of learners come in with orders, and do not come out.

Looked through are results, logs, metrics, the health file, doctor and every command.

Each kind of order is sent once, with a learner whose name and address are nobody else's.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from django.contrib.auth import get_user_model

from commerce_events import topics, wire
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.models import DeadLetter, Inbox
from commerce_events.testing import builders
from consumers.fulfillment.models import Attempt, Grant
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.proof.shop import COURSES, Shop
from tests.proof.steady import all_done, eventually, health, log_of

DEMO = COURSES[0]
#: Is in every name and every address.
CANARY = re.compile("canary", re.IGNORECASE)
DOCTOR = "import sys; from commerce_events.cli import main; sys.exit(main())"


def address(about: str) -> str:
    return f"Canary.{about}@example.com"


def orders() -> Iterator[dict[str, Any]]:
    """One order for everything that can become of one."""
    known = get_user_model().objects.create_user("canary_known", email=address("known"))
    get_user_model().objects.create_user("canary_sleeping", email=address("sleeping"), is_active=False)
    yield builders.order_paid("completed", email=address("known"), course_key=DEMO)
    yield builders.order_paid("by-name", username="canary_known", course_key=COURSES[1])
    yield builders.order_paid("stale", lms_user_id=known.pk, email=address("stale"), course_key=COURSES[2])
    yield builders.order_paid("waiting", email=address("unknown"), username="canary_unknown", course_key=DEMO)
    yield builders.order_paid("sleeping", email=address("sleeping"), course_key=DEMO)
    yield builders.order_paid("conflict", lms_user_id=known.pk, username="canary_sleeping", course_key=DEMO)
    yield builders.order_paid("missing", email=address("known"), course_key="course-v1:edX+None+1")
    yield builders.order_paid("not-allowed", source="elsewhere", email=address("known"), course_key=DEMO)
    yield builders.order_paid("broken", email=address("quoted"), username="canary_quoted", course_key=DEMO)


def dead(shop: Shop, producer: Producer) -> None:
    """Messages that cannot be read, with the address in key, headers and value."""
    paid = topics.ORDER_PAID_TYPE
    full = topics.full_topic(topics.ORDER_TOPIC, shop.prefix)
    schema_id = shop.client.registry.register(topics.subject(full, paid), wire.schema_text(paid))
    right = list(wire.headers(paid, uuid.uuid4(), datetime.now(UTC), "test"))
    twice = builders.order_paid("twice", email=address("twice"), lines=[builders.line("a"), builders.line("a")])
    text = address("dead").encode()
    for key, value, headers in (
        (text, text, [("odd", text)]), (text, b"\0\0\0\0\1" + text, right),
        (b"shop:twice", wire.frame(schema_id, wire.encode(paid, twice)), right),
    ):  # fmt: skip
        producer.produce(full, key=key, value=value, headers=headers)
    assert producer.flush(30) == 0


def published(broker: Broker, prefix: str) -> list[bytes]:
    """Key, headers and value of everything on the results topic, as bytes."""
    topic = topics.full_topic(topics.FULFILLMENT_TOPIC, prefix)
    client = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "onlooker"})
    partitions = [TopicPartition(topic, number, 0) for number in range(3)]
    client.assign(partitions)
    left = sum(client.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
    read = []
    while len(read) < left:
        message = client.poll(10)
        assert message is not None and message.error() is None
        read.append(b"\n".join([message.key(), message.value(), repr(message.headers()).encode()]))
    client.close()
    return read


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_names_a_learner_does_not_come_out(
    postgresql: TestDatabase, shop: Shop, broker: Broker, prefix: str, processes: Processes
) -> None:
    processes.environment["DJANGO_SETTINGS_MODULE"] = "tests.proof.loud_settings"
    for body in orders():
        shop.client.publish(topics.ORDER_PAID_TYPE, body)
    shop.client.publish(
        topics.ORDER_REFUNDED_TYPE, builders.order_refunded("completed", lines=[builders.refund_line("1")])
    )
    dead(shop, Producer({"bootstrap.servers": broker.bootstrap}))

    metrics = f"127.0.0.1:{free_ports(1)[0]}"
    consumer = processes.consume(
        "--from", "earliest", "--accept-poison", "--metrics", metrics, settings={"UNKNOWN_ATTEMPTS": 1}
    )
    eventually(lambda: all_done(9) and DeadLetter.objects.count() == 3, "everything handled and sent")
    out = {"health": health(processes), "results": b"\n".join(published(broker, prefix)).decode("latin-1")}
    out["metrics"] = requests.get(f"http://{metrics}/metrics", timeout=10).text
    consumer.stop()
    out["the consumer's log"] = log_of(processes)
    for how in ("table", "json"):
        out[f"letters, {how}"] = said(processes, "commerce_dead_letters", "list", "--format", how)
        out[f"purge, {how}"] = said(processes, "commerce_purge", "--format", how)
        out[f"forget, {how}"] = said(
            processes, "commerce_retire_learner", "--email", address("unknown"), "--format", how
        )
    letter = DeadLetter.objects.values_list("pk", flat=True)[0]
    out["letter"] = said(processes, "commerce_dead_letters", "show", str(letter))
    out["gaps"] = said(processes, "commerce_gaps", "--all", "--format", "json")
    out["checks"] = said(processes, "check", "--database", "default")
    out["doctor"] = doctor(processes)
    out["attempts"] = "".join(Attempt.objects.values_list("trace", flat=True))
    out["decisions"] = "".join(Inbox.objects.values_list("decision", flat=True))

    assert {name: CANARY.findall(text) for name, text in out.items() if CANARY.search(text)} == {}

    # it was there, and everything happened that was to happen
    assert CANARY.search("".join(Inbox.objects.values_list("payload", flat=True)))
    assert set(Grant.objects.values_list("state", flat=True)) >= {"active", "waiting", "failed", "refunded"}
    assert Inbox.objects.filter(state="held").count() == 1
    assert "ValueError" in out["attempts"]
    assert "learner_not_found" in out["results"] and "identity_conflict" in out["results"]
    assert "Starting new HTTP connection" in out["the consumer's log"], "what only a log at DEBUG says"
    assert "held after 1 attempts: ValueError" in out["the consumer's log"]
    assert "commerce_events_handled_total" in out["metrics"] and "commerce_events_held_events" in out["metrics"]
    assert "dead letters" in out["doctor"] and "held events" in out["doctor"]


def said(processes: Processes, *arguments: str) -> str:
    """Everything that a command prints, its log at DEBUG included."""
    ended = processes.manage(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def doctor(processes: Processes) -> str:
    environment = {**os.environ, **processes.environment}
    ended = subprocess.run(
        [sys.executable, "-c", DOCTOR, "doctor", "--format", "json"], env=environment, capture_output=True, text=True,
        check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "dead letters" in ended.stdout, ended.stderr
    return ended.stdout + ended.stderr
