"""Several workers on one database: locks, races and retries end where one worker after the other would."""
from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections

from commerce_events.bus.handle import Handle
from commerce_events.bus.types import Context
from commerce_events.models import Inbox
from tests.engines.schema import TestDatabase
from tests.model.sequential import expected
from tests.model.strategies import COURSES, Phase, World, line, order, refund, refund_line
from tests.unit.fulfillment.test_commutation import Bulk, ModelSite

MODES = ("audit", "honor", "verified", "professional")


def a_busy_day(seed: int) -> World:
    """Two learners, two courses, and sixty orders that all want the same seats."""
    chance = random.Random(seed)
    events: list[Any] = []
    for n in range(60):
        lines = [line(f"l{i}", chance.choice(COURSES), chance.choice(MODES)) for i in range(chance.randint(1, 2))]
        events.append(order(f"o{n}", {"lms_user_id": chance.choice((1, 2))}, lines))
        if chance.random() < 0.6:
            taken = [refund_line(sold["line_id"], 1) for sold in lines if chance.random() < 0.7]
            hint = chance.choice(("default", "keep", "downgrade"))
            events.append(refund(f"o{n}", "r0", taken, is_full=chance.random() < 0.3, access_hint=hint))
    chance.shuffle(events)
    return World({key: list(MODES) for key in COURSES}, phases=[Phase([], events)])


def work(site: ModelSite, group: int, seed: int) -> None:
    """One worker: claims and handles groups until nothing is due."""
    stage = Handle(dict.fromkeys(site.handler.event_types, site.handler))
    chance = random.Random(seed)
    for _ in range(2000):
        now = datetime.now(UTC)
        due = stage.due(now, 40)
        if not due:
            return
        chance.shuffle(due)
        stage.run(due[:group], Context("test-lms", 1, now))


@pytest.mark.parametrize("group", [1, 7])
def test_workers_that_want_the_same_seats_end_as_one_would(database: TestDatabase, group: int) -> None:
    world = a_busy_day(group)
    site = ModelSite(world, Bulk())
    site.now = datetime.now(UTC)
    site.receive(*world.phases[0].events, check=False)
    failures: list[BaseException] = []

    def worker(seed: int) -> None:
        try:
            work(site, group, seed)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connections.close_all()

    workers = 1 if connection.vendor == "sqlite" else 4  # SQLite has one writer
    threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    waiting = list(Inbox.objects.exclude(state="handled").values_list("event_type", "state", "attempts", "reason"))
    assert waiting == []
    assert site.end() == expected(world)
    for key in {row["order_key"] for row in site.results()}:
        numbers = [row["sequence"] for row in site.results() if row["order_key"] == key]
        assert sorted(numbers) == [(1 << 32) + n for n in range(1, len(numbers) + 1)]
