"""Two of everything: consumers of one group, relays of one database; and one of them stopped in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from commerce_events.models import Inbox
from tests.engines.processes import Processes
from tests.proof import checkers
from tests.proof.shop import Shop

SETTINGS = {"BATCH": 3, "SESSION_TIMEOUT": 6, "LEASE": 6}


def until(what: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)


def settled(shop: Shop) -> bool:
    try:
        checkers.nothing_waits()
    except AssertionError:
        return False
    return Inbox.objects.exists() and shop.seats() == shop.expected


def test_two_consumers_and_two_relays_keep_each_orders_results_in_sequence(
    database: Any, shop: Shop, processes: Processes
) -> None:
    for number in range(10):
        shop.paid(number)
    first = processes.consume("--from", "earliest", settings=SETTINGS)
    second = processes.consume("--from", "earliest", settings=SETTINGS)
    for number in range(10, 20):
        shop.paid(number)
    for number in range(0, 20, 2):
        shop.refunded(number)
    until(lambda: settled(shop))
    assert first.alive and second.alive
    first.stop()
    second.stop()
    checkers.all_is_well(shop)


def test_a_stopped_process_takes_nothing_with_it_and_wakes_up_harmless(
    postgresql: Any, shop: Shop, processes: Processes
) -> None:
    for number in range(6):
        shop.paid(number)
    first = processes.consume("--from", "earliest", settings=SETTINGS)
    until(lambda: settled(shop))
    first.pause()  # SIGSTOP, beyond its session and its lease
    second = processes.consume("--from", "earliest", settings=SETTINGS)
    for number in range(6, 12):
        shop.paid(number)
    for number in range(0, 12, 3):
        shop.refunded(number)
    until(lambda: settled(shop))
    first.resume()
    for number in range(12, 15):
        shop.paid(number)
    until(lambda: settled(shop))
    assert first.alive and second.alive
    first.stop()
    second.stop()
    checkers.all_is_well(shop)
