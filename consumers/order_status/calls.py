"""What a store is to be told: written in the transaction that changes the order; :mod:`caller` makes the calls."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from commerce_events import identity
from commerce_events.bus.clock import utc_now
from consumers.order_status import conf
from consumers.order_status.book import OpenOrder
from consumers.order_status.models import Call


def tell(orders: Iterable[OpenOrder], options: conf.Options, now: datetime, kind: str = "order.changed") -> None:
    """Have the stores told how these orders stand. In the caller's transaction."""
    rows: list[Call] = []
    for order in orders:
        rows += _calls(order.order_key, order.order_number, kind, _standing(order), options, now)
    Call.objects.bulk_create(rows)


def tell_request(data: Mapping[str, Any], options: conf.Options, now: datetime) -> None:
    """Have a store told that a learner has left."""
    body = {name: data[name] for name in (
        "request_id", "line_id", "lms_user_id", "course_key", "mode", "requested_at", "is_within_window", "initiator",
    )}  # fmt: skip
    Call.objects.bulk_create(
        _calls(data["order_key"], data["order_number"], "refund.requested", body, options, now)
    )


def retry(ids: Iterable[int]) -> int:
    """Make calls again that are held, as if they were new; how many."""
    held = Call.objects.filter(pk__in=list(ids), state=Call.State.HELD)
    return held.update(state=Call.State.PENDING, due_at=utc_now(), attempts=0)


def discard(ids: Iterable[int]) -> int:
    """Give calls up that are held or pending; how many."""
    open_ = Call.objects.filter(pk__in=list(ids), state__in=[Call.State.HELD, Call.State.PENDING])
    return open_.update(state=Call.State.DISCARDED, due_at=None, settled_at=utc_now())


def forget(before: datetime, most: int = 500) -> int:
    """Delete calls that were made or given up before; how many."""
    old = list(Call.objects.filter(settled_at__lt=before).order_by("settled_at").values_list("pk", flat=True)[:most])
    return Call.objects.filter(pk__in=old).delete()[0] if old else 0


def _calls(
    order_key: str, order_number: str, kind: str, about: Mapping[str, Any], options: conf.Options, now: datetime
) -> list[Call]:
    source, _, order_id = order_key.partition(":")
    head = {"source": source, "order_id": order_id, "order_number": order_number}
    body = orjson.dumps({**head, **about}).decode()
    return [
        Call(
            call_id=str(uuid.uuid4()), queue=identity.text_digest("call", name, order_key), source=source, hook=name,
            kind=kind, order_key=order_key, body=body, due_at=now, created_at=now,
        )
        for name in options.hooks_of(source)
    ]  # fmt: skip


def _standing(order: OpenOrder) -> dict[str, Any]:
    """How an order stands: every line, and which of them are news."""
    lines = [
        {
            "line_id": line.line_id or None, "course_key": line.course_key or None, "mode": line.mode or None,
            "quantity": line.quantity, "state": line.state.state, "reason_code": line.state.reason or None,
            "is_final": line.state.is_final, "alarm": line.alarm or None, "is_news": line.is_news,
        }
        for _, line in sorted(order.lines.items())
    ]  # fmt: skip
    return {"status": order.status, "lines": lines}
