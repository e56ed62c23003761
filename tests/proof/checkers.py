"""The invariants, checked from outside: only the database and the topics are read (docs/concepts/promises.rst)."""

from __future__ import annotations

import json
from typing import Any

from commerce_events import wire
from commerce_events.bus import outbox
from commerce_events.models import DeadLetter, Gap, Inbox, Outbox, OutboxBatch, Position
from consumers.fulfillment.models import Grant
from tests.proof.shop import Shop, by_order


def every_message() -> list[outbox.Pending]:
    """All messages ever written, sent or not."""
    return [
        message
        for row in Outbox.objects.order_by("pk")
        for message in outbox.unpack(row.batch_id, bytes(row.messages), row.created_at)
    ]


def nothing_waits() -> None:
    """I1, I8: every event is handled, none is due, every message was sent."""
    assert not Inbox.objects.exclude(state=Inbox.State.HANDLED).exists(), list(
        Inbox.objects.exclude(state="handled").values("event_type", "state", "reason", "attempts")[:5]
    )
    assert not OutboxBatch.objects.exists()


def nothing_set_aside() -> None:
    """I1, I7: no dead letters, no gaps, no halted partition."""
    assert not DeadLetter.objects.exists()
    assert not Gap.objects.exists()
    assert not Position.objects.exclude(halted="").exists()


def results_are_told_once(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """I3, I4, I6: each id with one content only; each order's results ascend, and all of the database's are there."""
    messages = every_message()
    told = by_order(shop.results())
    for order_key, results in told.items():
        contents: dict[str, str] = {}
        first_time = []
        for result in results:
            content = json.dumps(result, sort_keys=True)
            if result["result_id"] not in contents:
                contents[result["result_id"]] = content
                first_time.append(result["sequence"])
            assert contents[result["result_id"]] == content, f"{order_key}: one id, two contents"
        assert first_time == sorted(first_time), f"{order_key}: results out of sequence: {first_time}"
        decided = sorted(message.sequence for message in messages if message.key == order_key)
        assert first_time == decided, f"{order_key}: some were not told"
    return told


def effect_and_result_agree() -> None:
    """I2, I4: a decision on each handled event; a message for each line it decided."""
    handled = Inbox.objects.filter(state=Inbox.State.HANDLED, event_type__startswith="org.openedx.commerce.order")
    effects = sum(len(json.loads(decision)) for decision in handled.values_list("decision", flat=True))
    bodies = [wire.decode(message.event_type, message.body)["fulfillment"] for message in every_message()]
    assert len(bodies) == effects
    completed = {(b["order_key"], b["line_id"]) for b in bodies if b["outcome"] == "completed"}
    ever_granted = Grant.objects.exclude(state__in=["waiting", "failed", "skipped"]).exclude(line_id="").count()
    assert len(completed) == ever_granted


def seats_are_right(shop: Shop) -> None:
    """I10: the enrollments are those of a sequential reading of the orders."""
    assert shop.seats() == shop.expected


def all_is_well(shop: Shop) -> None:
    """Every invariant that a run without poison must keep."""
    nothing_waits()
    nothing_set_aside()
    results_are_told_once(shop)
    effect_and_result_agree()
    seats_are_right(shop)
