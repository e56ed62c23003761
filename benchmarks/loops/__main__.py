"""Run one loop; everything else is in the environment (see ``benchmarks/process.py``)."""
from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from benchmarks import database
    from benchmarks.loops import analytics, ceiling, latency, ours, statements, stock, store

    def prepare(_: int) -> dict[str, Any]:
        database.prepare()
        return {"version": database.version()}

    def emptied(_: int) -> dict[str, Any]:
        database.empty()
        database.settle()
        return {}

    LOOPS: dict[str, Callable[[int], dict[str, Any]]] = {
        "prepare": prepare,
        "stock-empty": stock.empty,
        "stock-full": stock.full,
        "stock-send": stock.send,
        "ceiling": ceiling.same_rows,
        "small-ceiling": ceiling.three_tables,
        "path": ours.path,
        "intake": ours.intake,
        "without-relay": ours.without_relay,
        "relay": ours.relay,
        "replay": ours.replay,
        "backlog": ours.backlog,
        "member": ours.member,
        "empty": emptied,
        "waiting-1": ours.waiting(1),
        "waiting-32": ours.waiting(32),
        "stock-waiting": stock.waiting,
        "statements-group": statements.group,
        "statements-single": statements.single,
        "store-client": store.client,
        "store-client-waiting": store.client_waiting,
        "store-outbox": store.outbox,
        "outbox-row": store.outbox_row,
        "hanging-registry": store.hanging_registry,
        "stock-send-order": store.stock,
        "stock-send-order-waiting": store.stock_waiting,
        "export": analytics.export,
        "fastavro-read": analytics.read,
        "serve": latency.serve,
        "three-commits": latency.three_commits,
    }
    began = time.process_time()
    outcome = LOOPS[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps({"cpu": round(time.process_time() - began, 3), **outcome}), flush=True)
    # librdkafka's threads and a producer's queue have nothing more to say; what was measured was acknowledged
    os._exit(0)
