"""How many unreadable messages stand in a row is counted over batches, and a readable one ends the row."""
from __future__ import annotations

from typing import Any

from commerce_events import topics
from commerce_events.bus.codec import Decoder, Poison, Received
from commerce_events.bus.intake_loop import decode
from commerce_events.testing import builders

GOOD = builders.order_paid("1")["order"]


class Reading:
    """A decoder of made-up messages: what begins with a dot cannot be read."""

    def decode(self, message: Any) -> Received | Poison:
        if message.value().startswith(b"."):
            return Poison("orders", 0, message.offset(), "undecodable", "", None, message.value())
        return Received("orders", 0, message.offset(), topics.ORDER_PAID_TYPE, "shop:1", GOOD, b"{}", b"", b"")


class Line:
    def __init__(self, offset: int, value: bytes, headers: list[tuple[str, bytes | None]] | None = None) -> None:
        self._offset, self._value, self._headers = offset, value, headers

    def topic(self) -> str:
        return topics.ORDER_TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return b"shop:1"

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self._headers


def runs(signs: str, before: int = 0) -> tuple[int, int]:
    """The longest run and the one at the end; ``.`` is unreadable, ``o`` an order."""
    messages: Any = [Line(offset, sign.encode()) for offset, sign in enumerate(signs)]
    decoder: Any = Reading()
    _, longest, last = decode(messages, decoder, before)
    return longest, last


def test_a_run_goes_on_over_batches_until_an_order_comes() -> None:
    assert runs("...") == (3, 3)
    assert runs("..", before=3) == (5, 5)
    assert runs("...o.") == (3, 1)
    assert runs("...o", before=3) == (6, 0)
    assert runs("o", before=6) == (0, 0)


def test_headers_that_are_no_text_are_kept_too() -> None:
    nothing: Any = None
    message: Any = Line(7, b"?", [("text", "größer".encode()), ("bytes", b"\xff\x00"), ("nothing", None)])
    poison = Decoder(nothing, [], 1000).decode(message)
    assert isinstance(poison, Poison)
    assert poison.reason == "no_type"
    assert poison.headers == '[["text","größer"],["bytes",{"hex":"ff00"}],["nothing",null]]'
