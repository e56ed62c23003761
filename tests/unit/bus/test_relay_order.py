"""Whatever the broker refuses and whenever it goes away: nothing is lost, and nothing of a stream is overtaken."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress

import pytest

from commerce_events.exceptions import TransientError
from commerce_events.models import OutboxBatch
from tests.engines.schema import TestDatabase
from tests.unit.bus.brokers import Broker
from tests.unit.bus.test_relay import Site, word


def overtaken(sent: list[str]) -> list[tuple[str, str]]:
    """Pairs of one stream whose last deliveries stand in the wrong order; a message is named STREAM-SEQUENCE."""
    last: dict[str, dict[int, int]] = defaultdict(dict)
    for place, name in enumerate(sent):
        stream, sequence = name.split("-")
        last[stream][int(sequence)] = place
    return [
        (f"{stream}-{one}", f"{stream}-{other}")
        for stream, places in last.items()
        for one in places
        for other in places
        if one < other and places[one] > places[other]
    ]


def test_the_judge_of_these_tests_sees_what_is_wrong() -> None:
    assert overtaken(["1-1", "1-2", "2-1", "1-1", "1-2"]) == []
    assert overtaken(["1-2", "2-1", "1-1"]) == [("1-1", "1-2")]


@pytest.mark.parametrize("room", [2, float("inf")])
@pytest.mark.parametrize("seed", range(2))
def test_no_message_of_a_stream_is_overtaken_whatever_fails(seed: int, room: float, database: TestDatabase) -> None:
    chance = random.Random(seed)
    broker = Broker(refuses=lambda value: chance.random() < 0.1, room=room)
    site = Site(broker, lease=0.1)
    written, sequence = [], defaultdict[int, int](int)
    for _ in range(40):
        stream, count = chance.randint(1, 3), chance.randint(1, 4)
        first = sequence[stream] + 1
        sequence[stream] += count
        names = [f"{stream}-{first + i}" for i in range(count)]
        site.write(*names, stream=stream, first=first)
        written += names
    for _ in range(400):
        broker.takes = chance.choice([0, 4, float("inf"), float("inf")])
        with suppress(TransientError):
            site.relay.run(chance.randint(1, 12))
        if not OutboxBatch.objects.exists():
            break
    assert set(site.sent) == set(written), f"lost with seed {seed}"
    assert overtaken(site.sent) == [], f"overtaken with seed {seed}"


def test_a_failed_delivery_keeps_back_what_stands_behind_it_of_its_key(database: TestDatabase) -> None:
    """While a message fails, later batches of its stream stay unsent, or come again behind it."""
    broker = Broker(refuses=lambda value: word(value) == "1-2")
    site = Site(broker)
    site.write("1-1", stream=1)
    site.write("1-2", stream=1, first=2)
    site.write("1-3", stream=1, first=3)
    site.write("2-1", stream=2)
    for _ in range(3):
        with pytest.raises(TransientError):
            site.relay.run()
    assert OutboxBatch.objects.count() == 3, "what stands behind the failed one is not taken for sent"
    broker.refuses = lambda value: False
    site.until_done()
    assert overtaken(site.sent) == []
    assert set(site.sent) == {"1-1", "1-2", "1-3", "2-1"}
