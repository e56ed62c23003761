"""What waits of each store, as records for a list: nothing in them names a learner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from commerce_events.models import Source
from commerce_events.stores import conf
from commerce_events.stores.conf import Store
from commerce_events.stores.models import Delivery, Notice, OpenAsk, Sweep

STORES = (
    "source", "kind", "state", "waiting", "set_aside", "asks", "oldest_ask", "notices", "swept_until", "trouble",
)  # fmt: skip
DELIVERIES = ("id", "source", "state", "reason", "received_at", "name", "bytes", "detail", "settled_by")
NOTICES = ("id", "source", "order_id", "code", "about", "created_at", "seen_by")
ASKS = ("id", "source", "kind", "ask_id", "created_at", "due_at", "attempts", "reason")
#: What Prometheus hears, as in ``commerce_events.bus.metrics``.
GAUGES = {
    "paused_deliveries": "Deliveries of paused stores, which wait until they go on.",
    "set_aside_deliveries": "Deliveries that cannot be used and wait for a person.",
    "unseen_notices": "What a person should see of stores, and nobody has.",
    "open_asks": "Questions to stores that are not answered.",
    "open_asks_oldest_seconds": "How long the oldest of them has waited.",
    "unswept_seconds": "How long ago the store that was swept longest ago was swept to its end.",
}


def waiting() -> dict[str, float]:
    """What waits of all stores, by the names of :data:`GAUGES`."""
    now = timezone.now()
    oldest_ask = OpenAsk.objects.aggregate(oldest=Min("created_at"))["oldest"]
    oldest_sweep = Sweep.objects.filter(source__in=list(conf.said_of_all())).aggregate(oldest=Min("since"))["oldest"]
    return {
        "paused_deliveries": Delivery.objects.filter(state=Delivery.State.RECEIVED).count(),
        "set_aside_deliveries": Delivery.objects.filter(state=Delivery.State.SET_ASIDE).count(),
        "unseen_notices": Notice.objects.filter(seen_at=None).count(),
        "open_asks": OpenAsk.objects.count(),
        "open_asks_oldest_seconds": (now - oldest_ask).total_seconds() if oldest_ask else 0.0,
        "unswept_seconds": (now - oldest_sweep).total_seconds() if oldest_sweep else 0.0,
    }


def stores(configured: dict[str, Store]) -> Iterator[dict[str, Any]]:
    """A record for each store of the settings, and for each that the settings no longer name and something waits of."""
    states = dict(Source.objects.values_list("name", "state"))
    received = _counted(Delivery.objects.filter(state=Delivery.State.RECEIVED))
    aside = _counted(Delivery.objects.filter(state=Delivery.State.SET_ASIDE))
    notices = _counted(Notice.objects.filter(seen_at=None))
    asked: Any = OpenAsk.objects.order_by().values_list("source")
    asks = {source: (count, oldest) for source, count, oldest in asked.annotate(Count("pk"), Min("created_at"))}
    sweeps = {row.source: row for row in Sweep.objects.all()}
    for source in sorted({*configured, *received, *aside, *notices, *asks}):
        store, swept = configured.get(source), sweeps.get(source)
        count, oldest = asks.get(source, (0, None))
        yield {
            "source": source, "kind": store.kind if store else "not in the settings",
            "state": str(states.get(source, Source.State.RUNNING)), "waiting": received.get(source, 0),
            "set_aside": aside.get(source, 0), "asks": count, "oldest_ask": moment(oldest),
            "notices": notices.get(source, 0),
            "swept_until": moment(swept.since) if swept and swept.ended_at else None,
            "trouble": "cannot be asked" if store and not store.can_be_asked else swept.reason if swept else "",
        }  # fmt: skip


def _counted(rows: QuerySet[Any]) -> dict[str, int]:
    return dict(rows.order_by().values_list("source").annotate(count=Count("pk")))


def deliveries(rows: Iterable[Delivery]) -> list[dict[str, Any]]:
    """Records of deliveries, without their bytes."""
    return [
        {
            "id": row.pk, "source": row.source, "state": row.state, "reason": row.reason,
            "received_at": moment(row.received_at), "name": row.name, "bytes": len(row.raw or b""),
            "detail": row.detail, "settled_at": moment(row.settled_at), "settled_by": row.settled_by,
        }
        for row in rows
    ]  # fmt: skip


def notices(rows: Iterable[Notice]) -> list[dict[str, Any]]:
    """Records of notices."""
    return [
        {
            "id": row.pk, "source": row.source, "order_id": row.order_id, "code": row.code, "about": row.about,
            "created_at": moment(row.created_at), "seen_at": moment(row.seen_at), "seen_by": row.seen_by,
        }
        for row in rows
    ]  # fmt: skip


def asks(rows: Iterable[OpenAsk]) -> list[dict[str, Any]]:
    """Records of open questions."""
    return [
        {
            "id": row.pk, "source": row.source, "kind": row.kind, "ask_id": row.ask_id,
            "created_at": moment(row.created_at), "due_at": moment(row.due_at), "attempts": row.attempts,
            "reason": row.reason,
        }
        for row in rows
    ]  # fmt: skip


def moment(at: datetime | None) -> str | None:
    """A time in UTC, to the second."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
