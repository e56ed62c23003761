"""Several workers on one database: locks, races and retries end where one worker after the other would."""
from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections

from commerce_events import identity
from commerce_events.bus.handle import Handle
from commerce_events.bus.types import Context
from commerce_events.models import Inbox
from consumers.fulfillment.reference.gateway import ReferenceGateway
from tests.engines.schema import TestDatabase
from tests.model import strategies
from tests.model.sequential import agree
from tests.model.strategies import COURSES, Phase, World, order, refund, refund_line
from tests.unit.fulfillment.site import Site, line, paid, refunded, words
from tests.unit.fulfillment.test_commutation import Bulk, ModelSite

MODES = ("audit", "honor", "verified", "professional")


def a_busy_day(seed: int) -> World:
    """Two learners, two courses, and sixty orders that all want the same seats."""
    chance = random.Random(seed)
    events: list[Any] = []
    for n in range(60):
        lines = [
            strategies.line(f"l{i}", chance.choice(COURSES), chance.choice(MODES)) for i in range(chance.randint(1, 2))
        ]
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
    site = ModelSite(world, Bulk(world))
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
    agree(world, site.end())
    for key in {row["order_key"] for row in site.results()}:
        numbers = [row["sequence"] for row in site.results() if row["order_key"] == key]
        assert sorted(numbers) == [identity.sequence(1, n) for n in range(1, len(numbers) + 1)]


class Interrupted(ReferenceGateway):
    """Lets something happen in another transaction after an order's lines were read and before its seats are locked."""

    def __init__(self) -> None:
        self.then: Callable[[], object] | None = None

    def accounts(self, *identifiers: Any) -> Any:
        then, self.then = self.then, None
        if then is not None:
            thread = threading.Thread(target=lambda: (then(), connections.close_all()))
            thread.start()
            thread.join()
        return super().accounts(*identifiers)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])  # SQLite's only writer would hold up the other
def test_what_another_order_did_to_our_line_before_we_had_the_lock_counts(
    kind: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(kind)
    site = Site(Interrupted())
    site.course()
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.set_seat(ada, None)

    def another_order() -> None:
        other = Site()
        other.receive(paid("200", ada))
        other.stage.run([other.stream("shop:200").id], other.context)

    site.receive(paid("100", ada, line("1"), line("2", mode="audit"), revision=1))
    site.handler.gateway.then = another_order  # type: ignore[attr-defined]
    site.stage.run([site.stream("shop:100").id], site.context)
    assert [site.grant("100").state, site.grant("200").state] == ["overridden", "active"]
    assert site.seat(ada) == "verified"
    assert words(site.deliver(refunded("200"))) == [("revoked", "other_grant")]
    assert site.seat(ada) == "audit"
