"""What a fault test needs beside the fault: orders at a steady pace, and waiting for what must come."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from commerce_events.models import Inbox, OutboxBatch
from tests.engines.processes import Processes
from tests.proof.shop import Shop

#: Seconds that anything may take on a machine with other work to do.
PATIENCE = 150.0


class Sales:
    """Orders at a steady pace from a thread of its own, whatever happens to the engines meanwhile.

    Keeps to its timetable: what it could not publish while the broker was away follows at once when it is back.
    """

    def __init__(self, shop: Shop, pace: float = 0.5, most: int = 400) -> None:
        self.shop, self.pace, self.most = shop, pace, most
        self.sold = 0
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="sales", daemon=True)
        shop.prepare(most)

    def _run(self) -> None:
        begin = time.monotonic()
        try:
            while self.sold < self.most:
                if self._closing.wait(max(0, begin + self.sold * self.pace - time.monotonic())):
                    return
                self.shop.paid(self.sold)
                self.sold += 1
        except Exception as error:  # noqa: BLE001 – raised again where the test ends the sale
            self._failure = error

    def more(self, orders: int) -> None:
        """Wait until so many more are sold."""
        goal = self.sold + orders
        eventually(lambda: self.sold >= goal or self._failure is not None, f"{orders} more orders")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._closing.set()
        self._thread.join(PATIENCE)
        if self._failure is not None and kind is None:
            raise self._failure


def eventually(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until it is so."""
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"not within {patience:.0f} s: {what}"
        time.sleep(0.1)


def handled() -> int:
    """Order events that are done."""
    orders = Inbox.objects.filter(event_type__startswith="org.openedx.commerce.order")
    return orders.filter(state=Inbox.State.HANDLED).count()


def all_done(events: int) -> bool:
    """So many order events are done, and everything that follows from them was sent."""
    return handled() >= events and not OutboxBatch.objects.exists()


def health(processes: Processes, number: int = 1) -> str:
    """What the health file of a consumer says."""
    path = processes.folder / f"health-{number}"
    return path.read_text() if path.exists() else ""


def log_of(processes: Processes, number: int = 1) -> str:
    """What a consumer has logged."""
    return (processes.folder / f"consumer-{number}.log").read_text()
