"""A store with the stock producer, a process of its own: ``python -m tests.faults.stock_store SPEC``, as ``store.py``.

It is a Django shop: a sale is a row in its database, its event goes to the stock producer. The first store sends when
the row is committed (``on_commit``), the second one within the transaction, as a receiver of a signal does. A sale
that the database refuses is not made: its buyer has seen an error. A store that was killed goes on with what it has
not sold yet. It waits until SPEC is there.
"""
from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.db import DatabaseError, InterfaceError, connection, transaction

from commerce_events import objects, topics
from tests.faults.stock_app import ORDERS, SOLD, name, publish


def main(spec: dict[str, Any]) -> None:
    """Sell everything once."""
    from openedx_events.event_bus import get_producer

    sold = _sold()
    for at, store, kind, body, _ in spec["sales"]:
        data = objects.from_dict(kind, body) if kind in topics.EVENT_TYPES else None
        if data is None or name(data) in sold:
            continue
        sold.add(name(data))
        time.sleep(max(0.0, spec["begin"] + at - time.time()))
        try:
            _sell(store, kind, data)
        except (DatabaseError, InterfaceError) as error:
            print(f"no sale: {error}", flush=True)
            connection.close()
    get_producer().prepare_for_shutdown()


def _sold() -> set[str]:
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT what FROM {SOLD}")
                return {row[0] for row in cursor.fetchall()}
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.3)


def _sell(store: int, kind: str, data: Any) -> None:
    from commerce_events import signals

    signal, argument = (
        (signals.ORDER_PAID, "order") if kind == topics.ORDER_PAID_TYPE else (signals.ORDER_REFUNDED, "refund")
    )  # fmt: skip
    told = partial(publish, ORDERS, signal, argument, data, signal.generate_signal_metadata())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {SOLD} (what) VALUES (%s)", [name(data)])
        if store == 0:
            transaction.on_commit(told)
        else:
            told()


if __name__ == "__main__":
    django.setup()
    while not Path(sys.argv[1]).exists():
        time.sleep(0.02)
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
