"""The reason for this project, measured: what the stock event bus loses while the database is away for 20 seconds."""
from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from commerce_events.topics import ORDER_TOPIC
from tests.engines.processes import MANAGE, Processes
from tests.engines.schema import TestDatabase
from tests.proof import checkers, stock
from tests.proof.shop import Shop
from tests.proof.steady import Sales, all_done, eventually
from tests.proof.test_outages import AWAY, ours

EVENTS, PACE = 90, 0.5


@pytest.mark.slow
@pytest.mark.real
def test_the_stock_consumer_loses_events_where_ours_loses_none(
    postgresql: TestDatabase, shop: Shop, processes: Processes, tmp_path: Path, record_property: Any
) -> None:
    server = ours(postgresql.server)
    stock.drop_table()
    stock.make_table()
    consumer = processes.consume("--from", "earliest")
    environment = {**os.environ, **processes.environment, "DJANGO_SETTINGS_MODULE": stock.SETTINGS}
    with (tmp_path / "stock.log").open("wb") as log:
        command = [*MANAGE, "consume_events", "--topic", ORDER_TOPIC, "--group_id", f"stock-{shop.prefix}"]
        loop = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        with Sales(shop, PACE) as sales:  # the stock consumer begins at the end of the topic: wait until it has begun
            eventually(stock.rows, "the stock consumer receives")
            first = len(shop.orders)
            eventually(lambda: sales.sold >= first + 20, "the outage comes in the middle")
            connection.close()
            gone = time.monotonic()
            server.kill()
            time.sleep(max(0.0, gone + AWAY - time.monotonic()))
            server.start()
            gone = time.monotonic() - gone
            eventually(lambda: sales.sold >= first + EVENTS, "45 seconds of events")
        eventually(lambda: shop.orders[-1] in stock.rows(), "the stock consumer has come to the end")
        assert loop.poll() is None, "it thinks that all is well"
    finally:
        loop.kill()
        loop.wait()
    counted = shop.orders[first:]
    lost = len(set(counted) - set(stock.rows()))
    stock.drop_table()

    eventually(lambda: all_done(sales.sold), "our consumer has done them all")
    assert consumer.alive
    consumer.stop(60)
    checkers.all_is_well(shop)  # beside it, on the same topic: nothing lost, nothing twice
    told = f"the stock consumer lost {lost} of {len(counted)} events in {gone:.0f} s without a database, ours none"
    record_property("lost by the stock consumer", told)
    print(told)
    assert 20 <= lost < len(counted), told
