"""Transactions that meet in a real deadlock: one is rolled back and tried again, and nothing is lost or done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connections
from django.utils import timezone

from commerce_events.bus.types import Context, Event, Outcome
from commerce_events.models import Inbox, Lease, OutboxBatch
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import Bus, Recording, paid


class Crossing(Recording):
    """Counts its events on two rows, in an order that crosses another's; both have one row when they want the other."""

    def __init__(self, first: str, second: str, meet: threading.Barrier) -> None:
        super().__init__()
        self.rows, self.meet, self.met, self.tries = (first, second), meet, False, 0

    def handle(self, events: Sequence[Event], context: Context) -> list[Outcome]:
        self.tries += 1
        first, second = self.rows
        self._count(first)
        if not self.met:
            self.met = True
            self.meet.wait()
        self._count(second)
        return super().handle(events, context)

    @staticmethod
    def _count(row: str) -> None:
        lease = Lease.objects.select_for_update().get(name=row)
        lease.term += 1
        lease.save()


def cross(straight: bool) -> tuple[list[Crossing], list[BaseException]]:
    """Two processes' worth of work on orders of their own, whose handlers lock two rows crosswise."""
    for row in "ab":
        Lease.objects.create(name=row, expires_at=timezone.now())
    meet = threading.Barrier(2, timeout=20)
    crossing = [Crossing("a", "b", meet), Crossing("b", "a", meet)]
    failures: list[BaseException] = []
    buses = [Bus(handler, straight=straight) for handler in crossing]
    taken: list[Callable[[], object]] = [
        lambda: buses[0].take(paid("1"), paid("2"), partition=0),
        lambda: buses[1].take(paid("3"), partition=1),
    ]
    if not straight:
        for take in taken:
            take()
        due = buses[0].stage.due(buses[0].now, 100)
        mine, other = due[:2], due[2:]
        taken = [
            lambda: buses[0].stage.run(mine, buses[0].context),
            lambda: buses[1].stage.run(other, buses[1].context),
        ]

    def work(do: Callable[[], object]) -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001  looked at by the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(do,)) for do in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return crossing, failures


def done_once(crossing: list[Crossing], failures: list[BaseException]) -> None:
    assert failures == []
    assert sum(handler.tries for handler in crossing) == 3, "one of them was tried again"
    handled = [each for handler in crossing for each in handler.calls[-1]]
    assert sorted(handled) == ["paid 1", "paid 2", "paid 3"]
    assert list(Inbox.objects.values_list("state", "attempts").order_by("id")) == [("handled", 0)] * 3
    assert list(Lease.objects.order_by("name").values_list("term", flat=True)) == [2, 2], "effects of one try each"
    assert OutboxBatch.objects.count() == 2


@pytest.mark.parametrize("straight", [True, False], ids=["intake", "handle"])
def test_a_deadlock_on_postgresql_is_tried_again_and_nothing_is_lost(straight: bool, postgresql: TestDatabase) -> None:
    done_once(*cross(straight))


@pytest.mark.parametrize("straight", [True, False], ids=["intake", "handle"])
def test_a_deadlock_on_mariadb_is_tried_again_and_nothing_is_lost(straight: bool, mariadb: TestDatabase) -> None:
    done_once(*cross(straight))
