"""Waiting lines are decided again when their learner appears.

A receiver in the learner's own request inserts one internal event and no more; the handle stage finds the orders that
wait for that learner and has each of them decided in its own stream, under its own lock.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping

from commerce_events.bus import inbox, sql
from commerce_events.bus.types import Event, FollowUp, Outcome
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.models import WaitingLine
from consumers.fulfillment.rules.decide import ORDER_RESUME

#: An account was made or activated, or its e-mail changed. Names the account by its id alone.
LEARNER_CHANGED = "internal.learner.changed.v1"


def learner_changed(lms_user_id: int) -> None:
    """Have the lines that wait for this learner decided again. One row, in the caller's transaction."""
    inbox.enqueue(LEARNER_CHANGED, f"learner:{lms_user_id}", {"lms_user_id": lms_user_id})


def fan_out(event: Event, gateway: Gateway) -> Outcome:
    """One event for each order with a line that waits for this learner. Who it really is, the rules decide (R3)."""
    user = event.data["lms_user_id"]
    names = [
        name for who in gateway.accounts([user], [], []) for name in digests.of_names(who.username, who.email)
    ]
    waiting: dict[str, set[str]] = {}
    for column, values in (("lms_user_id", [user]), ("username_digest", names), ("email_digest", names)):
        for order_key, line_id in sql.select(WaitingLine, ("order_key", "line_id"), column, values):
            waiting.setdefault(order_key, set()).add(line_id)
    return again(waiting)


def again(orders: Mapping[str, Collection[str] | None]) -> Outcome:
    """Have orders decided again, each in its own stream: these lines of it, or (None) all that wait or are held."""
    return Outcome(
        follow_ups=[
            FollowUp(ORDER_RESUME, key, {"order_key": key, **({"line_ids": sorted(lines)} if lines else {})})
            for key, lines in sorted(orders.items())
        ]
    )
