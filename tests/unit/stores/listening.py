"""A gateway as small as can be: what an adapter reads becomes events, and what went out is kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from commerce_events.stores.adapter import Adapter, Ask, Reading
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.snapshot import Notice, Snapshot
from commerce_events.validation import validate

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Request = tuple[dict[str, str], bytes]


@dataclass
class Listener:
    """Hears webhooks and sweeps; ``events`` are the contents, with their type in front and without ``occurred_at``."""

    adapter: Adapter
    secrets: Sequence[str] = ("secret",)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    deliveries: set[str] = field(default_factory=set)

    def hear(self, *requests: Request) -> Listener:
        for headers, raw in requests:
            self.adapter.verify(headers, raw, self.secrets, NOW)
            delivery = self.adapter.delivery(headers, raw)
            if delivery in self.deliveries:
                continue
            if delivery is not None:
                self.deliveries.add(delivery)
            self.take(self.adapter.read(headers, raw))
        return self

    def sweep(self, since: datetime) -> Listener:
        self.take(self.adapter.changed(since))
        return self

    def take(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            if isinstance(reading, Ask):
                self.take(self.adapter.fetch(reading))
            elif isinstance(reading, Snapshot):
                self._apply(reading)

    def _apply(self, snapshot: Snapshot) -> None:
        known = Emitted.of(json.loads(self.kept.get(snapshot.order_id, "{}")))
        missing = difference("shop", snapshot, known, NOW)
        self.kept[snapshot.order_id] = json.dumps(missing.emitted.as_json())
        self.notices += missing.notices
        for event_type, body in missing.events:
            validate(event_type, body)
            (content,) = body.values()
            self.events.append((event_type, {key: value for key, value in content.items() if key != "occurred_at"}))

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices]
