"""A database restored from a backup: noticed, outranked, healed (D4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from commerce_events import topics
from commerce_events.bus import outbox
from commerce_events.bus.reader import Heard
from commerce_events.models import Inbox, Installation, Stream
from commerce_events.testing import builders
from tests.engines.processes import Processes
from tests.proof import checkers, snapshot
from tests.proof.shop import COURSES, Shop, by_order
from tests.proof.steady import all_done, eventually

SETTINGS = {"SESSION_TIMEOUT": 6}


def _consume(processes: Processes, *flags: str) -> str:
    ended = processes.manage("consume_commerce_events", "--until-idle", *flags, settings=SETTINGS)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def _current(heard: list[Heard]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What a reader holds: per line, action and refund the highest sequence."""
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for results in by_order(heard).values():
        for result in results:
            slot = (result["order_key"], result["line_id"], result["action"], result["refund_id"])
            if slot not in held or result["sequence"] > held[slot]["sequence"]:
                held[slot] = result
    return held


@pytest.mark.parametrize("first", ["whole process", "handle alone"])
def test_a_restored_database_is_noticed_and_no_reader_keeps_a_stale_result(
    first: str, database: Any, shop: Shop, processes: Processes
) -> None:
    for number in range(4):
        shop.paid(number)
    waiting = builders.order_paid("w1", email="newcomer@example.com", course_key=COURSES[0])
    shop.client.publish(topics.ORDER_PAID_TYPE, waiting)
    _consume(processes, "--from", "earliest")
    shop.prepare(7)
    backup = snapshot.take()

    # the history that will be lost: more orders, refunds, and a learner who registers without any event from Kafka
    shop.refunded(0)
    for number in range(4, 7):
        shop.paid(number)
    get_user_model().objects.create(username="newcomer", email="newcomer@example.com", is_active=True)
    _consume(processes)
    told_before = _current(shop.results())
    assert told_before["shop:w1", "1", "fulfill", None]["outcome"] == "completed"

    snapshot.restore(backup)
    if first == "handle alone":
        log = _consume(processes, "--only", "handle")
        assert "ALARM database_restored" in log
        epoch = Installation.objects.get().epoch
    log = _consume(processes)
    assert Installation.objects.get().epoch > 1
    assert first != "handle alone" or Installation.objects.get().epoch == epoch

    checkers.seats_are_right(shop)
    assert not Inbox.objects.filter(due_at__isnull=False, attempts__gt=0).exists()
    told = _current(shop.results())
    assert set(told_before) <= set(told)
    assert told["shop:w1", "1", "fulfill", None]["outcome"] == "deferred", "the account is gone, and readers must know"
    # what a reader holds is what the database holds, line for line
    for stream in Stream.objects.filter(key__startswith="shop:"):
        held = {r["result_id"] for slot, r in told.items() if slot[0] == stream.key}
        assert held == {m.message_id for m in outbox.current([stream.pk])[stream.pk]}
    contents: dict[str, Any] = {}
    for results in by_order(shop.results()).values():
        for result in results:
            assert contents.setdefault(result["result_id"], result) == result, "an old id for a new fact"


def test_a_restore_below_a_process_at_rest_heals_without_a_new_message(
    database: Any, shop: Shop, processes: Processes
) -> None:
    """A partition in which nothing new comes is read again too, though nothing tells of it but its position."""
    shop.prepare(8)
    for number in range(4):
        shop.paid(number)
    processes.consume("--from", "earliest", settings={**SETTINGS, "TOPIC_CHECK": 1})
    eventually(lambda: all_done(4), "the first orders are done")
    backup = snapshot.take()
    for number in range(4, 8):
        shop.paid(number)
    eventually(lambda: all_done(8), "the others too")

    snapshot.restore(backup)
    eventually(lambda: all_done(8), "what the backup lacks is read again")
    assert Installation.objects.get().epoch > 1
    checkers.seats_are_right(shop)
