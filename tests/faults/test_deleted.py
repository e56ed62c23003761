"""What a run makes of messages that it had the broker delete."""
from __future__ import annotations

from datetime import UTC, datetime

from commerce_events.bus.reader import Heard
from tests.faults.run import _gone
from tests.faults.scene import Deleted

TOPIC = "orders"


def message(partition: int, offset: int, order: str = "o-1") -> Heard:
    return Heard(TOPIC, partition, offset, datetime(2026, 1, 1, tzinfo=UTC), order, "paid", "", {"order_key": order})


def test_what_the_broker_did_not_delete_after_all_is_not_gone() -> None:
    kept, gone, again = message(0, 3), message(0, 2), message(1, 3)
    noted = [Deleted(kept, False), Deleted(gone, False), Deleted(again, True)]
    assert _gone(noted, [kept, message(1, 3, "o-2")]) == [(gone, False), (again, True)]
