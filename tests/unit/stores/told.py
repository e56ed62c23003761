"""What stands in the outbox."""

from __future__ import annotations

from typing import Any

from commerce_events import wire
from commerce_events.bus import outbox
from commerce_events.models import OutboxBatch


def told() -> list[tuple[str, dict[str, Any]]]:
    """Key and content of every event that waits to be published, in its order; without the time of telling."""
    batches = list(OutboxBatch.objects.order_by("pk").values_list("pk", flat=True))
    found = []
    for message in outbox.messages(batches):
        (content,) = wire.decode(message.event_type, bytes(message.body)).values()
        found.append((message.key, {**content, "occurred_at": "", "type": message.event_type.split(".")[-2]}))
    return found


def kinds(key: str | None = None) -> list[str]:
    return [content["type"] for at, content in told() if key in (None, at)]
