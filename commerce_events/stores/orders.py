"""From a snapshot to the events that are missing, in one transaction.

The order's row is locked, compared with the snapshot, and written together with the events. So two deliveries of one
order are compared one after the other, whichever process took them, and their events stand in the outbox in that order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import orjson

from commerce_events import identity
from commerce_events.bus import script, sql
from commerce_events.publishing import publish_locked
from commerce_events.stores import snapshot as pictures
from commerce_events.stores.difference import Body, Emitted, difference
from commerce_events.stores.models import Notice, StoreOrder
from commerce_events.stores.snapshot import Snapshot
from commerce_events.stores.transactions import settled

Events = tuple[tuple[str, Body], ...]

_COLUMNS = ("digest", "source", "order_id", "emitted", "updated_at")


def apply(source: str, snapshot: Snapshot, now: datetime) -> Events:
    """Write what is missing of one order; the events that went out.

    Raises:
        ContractError: an event would break the contract; nothing was written.
    """
    return settled(lambda _: tell(source, snapshot, now))


def tell(source: str, snapshot: Snapshot, now: datetime) -> Events:
    """The same in the caller's transaction (:func:`commerce_events.stores.transactions.settled`)."""
    digest = identity.text_digest("store order", source, snapshot.order_id)
    rows = sql.select(StoreOrder, ("id", "emitted"), "digest", [digest], lock=True)
    known = Emitted.of(orjson.loads(rows[0][1]) if rows else {})
    missing = difference(source, snapshot, known, now)
    if missing.emitted == known:
        return ()
    if missing.events:  # first, because it checks them: what breaks the contract may not be fit to be kept either
        publish_locked(missing.events)
    text = orjson.dumps(missing.emitted.as_json()).decode()
    if rows:
        sql.update(StoreOrder, ("emitted", "updated_at"), [(rows[0][0], text, now)])
    else:
        sql.insert(StoreOrder, _COLUMNS, [(digest, source, snapshot.order_id, text, now)])
    note(source, snapshot.order_id, missing.notices, now)
    return missing.events


def note(source: str, order_id: str, notices: Iterable[pictures.Notice], now: datetime) -> None:
    """Have a person see these; what was told before is not told again."""
    rows = [
        Notice(
            digest=identity.text_digest("notice", source, order_id, notice.code, notice.about), source=source,
            order_id=order_id[:128], code=notice.code[:64], about=notice.about[:255], created_at=now,
        )
        for notice in notices
    ]  # fmt: skip
    if rows:
        script.flush()
        Notice.objects.bulk_create(rows, ignore_conflicts=True)
