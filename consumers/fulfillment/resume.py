"""Waiting lines are decided again when their learner appears.

A receiver in the learner's own request inserts one internal event and no more; the handle stage finds the orders that
wait for that learner and has each of them decided in its own stream, under its own lock.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commerce_events.bus import inbox, sql
from commerce_events.bus.types import FollowUp, Outcome
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.models import WaitingLine
from consumers.fulfillment.rules.decide import ORDER_RESUME

#: An account was made or activated, or its e-mail changed. Names the account by its id alone.
LEARNER_CHANGED = "internal.learner.changed.v1"


def learner_changed(lms_user_id: int) -> None:
    """Have the lines that wait for this learner decided again. One row, in the caller's transaction."""
    inbox.enqueue(LEARNER_CHANGED, f"learner:{lms_user_id}", {"lms_user_id": lms_user_id})


def fan_out(data: Mapping[str, Any], gateway: Gateway) -> Outcome:
    """One event for each order with a line that waits for this learner. Who it really is, the rules decide (R3)."""
    waiting: dict[str, set[str]] = {}
    columns = ("order_key", "line_id")
    for account in gateway.accounts([data["lms_user_id"]], [], []):
        names: list[tuple[str, Any]] = [
            ("lms_user_id", account.lms_user_id),
            ("username_digest", digests.of_username(account.username)),
        ]
        if account.email:
            names.append(("email_digest", digests.of_email(account.email)))
        for column, value in names:
            for order_key, line_id in sql.select(WaitingLine, columns, column, [value]):
                waiting.setdefault(order_key, set()).add(line_id)
    return Outcome(
        follow_ups=[
            FollowUp(ORDER_RESUME, key, {"order_key": key, "line_ids": sorted(line_ids)})
            for key, line_ids in sorted(waiting.items())
        ]
    )
