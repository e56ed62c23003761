"""Who is not let into the consumer group gets no partition and no error: the health file says so."""
from __future__ import annotations

import pytest

from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.proof.shop import Shop
from tests.proof.steady import all_done, eventually, health


@pytest.mark.slow
@pytest.mark.real
def test_who_waits_for_a_member_that_hangs_is_not_healthy(
    postgresql: TestDatabase, shop: Shop, processes: Processes
) -> None:
    hangs = processes.consume("--from", "earliest", settings={"KAFKA": {"session.timeout.ms": 240_000}})
    shop.paid(0)
    eventually(lambda: all_done(1), "the first one is a member")
    hangs.pause()
    waits = processes.consume("--from", "earliest")
    kept_out = "intake waits: the consumer group "
    eventually(lambda: kept_out in health(processes, 2), "health: it is kept out")
    shop.paid(1)
    hangs.resume()
    eventually(lambda: health(processes, 2) == "ok\n", "health: it was let in")
    eventually(lambda: all_done(2), "what came meanwhile is done")
    for consumer in (hangs, waits):
        assert consumer.alive
        consumer.stop(60)
