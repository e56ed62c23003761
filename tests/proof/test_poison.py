"""What is no event is set aside as it came, and told; every order before and behind it is fulfilled."""
from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from commerce_events import topics, wire
from commerce_events.models import DeadLetter, Outbox
from commerce_events.testing import builders
from tests.engines.processes import Processes
from tests.proof import checkers
from tests.proof.shop import Shop, by_order
from tests.proof.steady import eventually, handled, health, log_of

CANARY = "canary.of.the.proof@example.com"
Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Thrown:
    """A message on the order topic that breaks something, and what it must be called."""

    reason: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def thrown(shop: Shop) -> list[Thrown]:
    """One of each kind; wherever there is room for it, with a learner's address in its bytes."""
    paid, body = topics.ORDER_PAID_TYPE, builders.order_paid("bad", email=CANARY)
    good = wire.encode(paid, body)
    schema_id = shop.client.registry.register(topics.subject(order_topic(shop), paid), wire.schema_text(paid))
    right: Headers = list(wire.headers(paid, uuid.uuid4(), datetime.now(UTC), "test"))
    framed, key = wire.frame(schema_id, good), b"shop:bad"
    # two that can be decoded and break the contract: no text of a database may hold the first one's id
    nothing = builders.order_paid("\0", lines=[builders.line("\0")])
    twice = builders.order_paid("twice", email=CANARY, lines=[builders.line("a"), builders.line("a")])
    return [
        Thrown("undecodable", key, b"\x93\xff" + CANARY.encode() + bytes(range(256)), right),
        Thrown("undecodable", key, b"", right),
        Thrown("undecodable", key, framed[:-7], right),
        Thrown("undecodable", key, framed + CANARY.encode(), right),
        Thrown("unknown_schema", key, wire.frame(2_000_000_001, good), right),
        Thrown("unknown_type", key, framed, [("ce_type", b"org.openedx.commerce.order.teleported.v1")]),
        Thrown("no_type", None, framed, []),
        Thrown("no_type", b"\xff\x00 no text", framed, [("odd", b"\xff"), ("none", None), ("text", CANARY.encode())]),
        Thrown("tombstone", key, None, right),
        Thrown("too_large", key, CANARY.encode() + bytes(wire.MAX_VALUE_BYTES), right),
        Thrown("schema_invalid", b"shop:\0", wire.frame(schema_id, wire.encode(paid, nothing)), right),
        Thrown("schema_invalid", b"shop:twice", wire.frame(schema_id, wire.encode(paid, twice)), right),
    ]


def order_topic(shop: Shop) -> str:
    return topics.full_topic(topics.ORDER_TOPIC, shop.prefix)


def throw(shop: Shop, things: Sequence[Thrown]) -> None:
    """Put them on the topic, each on every partition, so that each stands before and behind orders."""
    producer = Producer({
        "bootstrap.servers": shop.broker.bootstrap, "compression.type": "gzip", "message.max.bytes": 8 << 20,
        "log_level": 3,
    })  # fmt: skip
    failed: list[Any] = []
    for partition in range(3):
        for thing in things:
            producer.produce(
                order_topic(shop), value=thing.value, key=thing.key, headers=thing.headers, partition=partition,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )  # fmt: skip
    assert producer.flush(60) == 0
    assert not failed


def kept(letter: DeadLetter) -> tuple[str, bytes | None, bytes | None, Headers]:
    """A dead letter as what it must be compared with."""

    def header(content: Any) -> bytes | None:
        if isinstance(content, dict):
            return bytes.fromhex(content["hex"])
        return content.encode() if content is not None else None

    key, value = (None if it is None else bytes(it) for it in (letter.key, letter.value))
    return letter.reason, key, value, [(name, header(content)) for name, content in json.loads(letter.headers)]


@pytest.mark.slow
def test_each_kind_is_set_aside_with_its_bytes_and_no_order_suffers(
    database: Any, shop: Shop, processes: Processes
) -> None:
    for number in range(6):
        shop.paid(number)
    things = thrown(shop)
    throw(shop, things)
    for number in range(6, 12):
        shop.paid(number)
    for number in range(0, 12, 4):
        shop.refunded(number)

    ended = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["dead"] == 3 * len(things)

    for partition in range(3):
        letters = DeadLetter.objects.filter(partition=partition).order_by("offset")
        found = [kept(letter) for letter in letters]
        assert found == [(thing.reason, thing.key, thing.value, thing.headers) for thing in things]
    checkers.nothing_waits()
    checkers.seats_are_right(shop)

    told = by_order(shop.results())
    rejected = {(r["line_id"], r["outcome"], r["reason_code"], r["is_final"]) for r in told.pop("shop:twice")}
    assert rejected == {("a", "failed", "schema_invalid", True)}
    assert set(told) == set(shop.orders)
    for results in told.values():
        assert {r["outcome"] for r in results} <= {"completed", "revoked"}

    # nobody's address is in a log or in a result
    assert CANARY not in ended.stderr + ended.stdout
    assert CANARY not in json.dumps(told)
    assert not any(CANARY.encode() in bytes(row.messages) for row in Outbox.objects.all())


def test_an_order_of_a_megabyte_is_handled(postgresql: Any, shop: Shop, processes: Processes) -> None:
    lines = [
        builders.line(f"{n:04}".rjust(128, "l"), "c" * 255, "verified", sku="s" * 255, credit_provider="p" * 255)
        for n in range(1000)
    ]
    body = builders.order_paid("large", lms_user_id=shop.learners[0], lines=lines)
    size = len(wire.encode(topics.ORDER_PAID_TYPE, body))
    assert 0.85 * wire.MAX_VALUE_BYTES < size < wire.MAX_VALUE_BYTES
    shop.client.publish(topics.ORDER_PAID_TYPE, body)
    shop.paid(1)
    ended = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle")
    assert ended.returncode == 0, ended.stderr
    checkers.nothing_waits()
    checkers.nothing_set_aside()
    told = checkers.results_are_told_once(shop)
    assert {r["line_id"] for r in told["shop:large"]} == {line["line_id"] for line in lines}
    assert {r["outcome"] for r in told["shop:o1"]} == {"completed"}


def test_where_nothing_can_be_read_the_intake_waits_for_a_person(
    postgresql: Any, shop: Shop, processes: Processes
) -> None:
    settings = {"POISON_PAUSE": 5}
    for number in range(4):
        shop.paid(number)
    consumer = processes.consume("--from", "earliest", settings=settings)
    eventually(lambda: handled() == 4, "the orders before are handled")
    throw(shop, [thrown(shop)[0]] * 4)  # on three partitions: 12 in a row
    for number in range(4, 8):
        shop.paid(number)

    why = "messages in a row cannot be read (undecodable)"
    eventually(lambda: why in health(processes), "health: says why it waits")
    assert DeadLetter.objects.count() < settings["POISON_PAUSE"]
    consumer.stop(60)
    assert CANARY not in log_of(processes)

    accepted = ("consume_commerce_events", "--accept-poison", "--until-idle")
    ended = processes.manage(*accepted, settings=settings)
    assert ended.returncode == 0, ended.stderr
    assert CANARY not in ended.stderr
    assert DeadLetter.objects.count() == 12
    checkers.nothing_waits()
    checkers.seats_are_right(shop)
