"""A registry that was wrong for a moment: what it said then is not believed for ever."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from commerce_events import topics, wire
from commerce_events.bus.codec import Decoder, Poison, Received
from commerce_events.registry import Registry
from commerce_events.testing import builders
from tests.unit.contract.test_registry import Server

TYPE = topics.ORDER_PAID_TYPE
ANOTHER = json.dumps({"type": "record", "name": "Penguin", "fields": [{"name": "weight", "type": "double"}]})


@dataclass
class Message:
    """An order on the topic, written with schema 7."""

    of_value: bytes

    def topic(self) -> str:
        return topics.ORDER_TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0

    def key(self) -> bytes:
        return b"shop:1"

    def value(self) -> bytes:
        return self.of_value

    def headers(self) -> list[tuple[str, bytes]]:
        return [(topics.HEADER_TYPE, TYPE.encode())]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_what_does_not_fit_is_asked_for_again(server: Server) -> None:
    decoder = Decoder(Registry(server.url), {TYPE}, 10_000)
    message = Message(wire.frame(7, wire.encode(TYPE, builders.order_paid("1"))))
    server.says(200, {"schema": ANOTHER})
    assert isinstance(decoder.decode(message), Poison)  # type: ignore[arg-type]  # less of one than a message has
    server.says(200, {"schema": wire.schema_text(TYPE)})
    assert isinstance(decoder.decode(message), Received)  # type: ignore[arg-type]
    server.asked.clear()
    assert isinstance(decoder.decode(message), Received)  # type: ignore[arg-type]
    assert server.asked == [], "what fits is remembered"
