"""Throwing a producer away: nothing of it is sent afterwards, and nobody waits until librdkafka has let go of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from commerce_events.bus import closing
from commerce_events.exceptions import OperatorError
from tests.unit.bus import brokers


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What librdkafka waits for; it comes at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


class Waiting(brokers.Producer):
    """One that waits in a call."""

    def __init__(self, call: str, until: threading.Event) -> None:
        super().__init__(brokers.Broker(takes=0))
        self._call, self._until = call, until

    def _wait(self, call: str) -> None:
        if call == self._call:
            self._until.wait(60)

    def purge(self) -> None:
        self._wait("purge")
        super().purge()

    def close(self) -> bool:
        self._wait("close")
        return super().close()


def queued(producer: Any) -> Any:
    producer.produce("results", b"k", b"value", [], lambda error, message: None)
    return producer


def test_what_was_queued_is_never_sent_and_the_producer_is_closed() -> None:
    producer = queued(brokers.Broker(takes=0).producer())
    closing.discard(producer)
    assert producer.closed.wait(10)
    producer.broker.takes = 10
    producer.poll(0)
    assert not producer.broker.log


def test_a_producer_that_is_lost_is_closed_as_well() -> None:
    producer = brokers.Broker().producer()
    producer.lost = True
    closing.discard(producer)
    assert producer.closed.wait(10)


def test_nobody_waits_until_the_client_has_let_go_of_it(released: threading.Event) -> None:
    producer = queued(Waiting("close", released))
    closing.discard(producer, patience=30)
    assert not producer.queue and not producer.closed.is_set()
    released.set()
    assert producer.closed.wait(10)


def test_a_queue_that_is_not_emptied_ends_the_process_because_it_could_overtake(released: threading.Event) -> None:
    producer = queued(Waiting("purge", released))
    began = time.monotonic()
    with pytest.raises(OperatorError, match="did not empty its queue") as raised:
        closing.discard(producer, patience=0.2)
    assert time.monotonic() - began < 30
    assert "Nothing is lost" in raised.value.hint
