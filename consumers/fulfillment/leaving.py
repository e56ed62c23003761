"""A learner leaves a course in the LMS, or is taken out: what our orders gave is released, the store is asked (R29).

The platform tells of it twice where the learner did it, first that an enrollment ended, then who ended it; of everybody
else it tells the first alone. So the first waits a little, and yields to the second.
"""
from __future__ import annotations

from datetime import timedelta

import orjson

from commerce_events.bus import inbox, sql
from commerce_events.bus.clock import utc_now
from commerce_events.bus.types import Event, FollowUp, Outcome
from commerce_events.models import Inbox
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.models import Grant
from consumers.fulfillment.rules.decide import LEARNER_LEFT
from consumers.fulfillment.rules.state import Pair

#: An enrollment ended. Names learner and course, and who ended it: ``learner`` or ``staff``.
ENROLLMENT_ENDED = "internal.enrollment.ended.v1"
#: How long we wait for the platform to say that it was the learner. It does so in the same request.
PATIENCE = timedelta(minutes=1)


def left(lms_user_id: int, course_key: str, initiator: str) -> None:
    """Have the grants of a learner in a course released. One row, in the caller's transaction."""
    due_at = utc_now() + PATIENCE if initiator == "staff" else None
    data = {"lms_user_id": lms_user_id, "course_key": course_key, "initiator": initiator}
    inbox.enqueue(ENROLLMENT_ENDED, f"learner:{lms_user_id}", data, due_at)


def fan_out(event: Event, gateway: Gateway) -> Outcome:
    """One event for each order that gave the learner this course. Retirement unenrolls, too, and asks for no money."""
    data = event.data
    user, course_key = data["lms_user_id"], data["course_key"]
    if any(account.is_retired for account in gateway.accounts([user], [], [])):
        return Outcome()
    if data["initiator"] == "staff" and _is_told_by_the_learner(event):
        return Outcome()
    rows = sql.select(Grant, ("order_key",), "pair", [digests.of_pair(Pair(user, course_key))])
    return Outcome(
        follow_ups=[FollowUp(LEARNER_LEFT, key, {"order_key": key, **data}) for key in sorted({key for (key,) in rows})]
    )


def _is_told_by_the_learner(event: Event) -> bool:
    """Whether the other row of the same departure is still to be handled; otherwise it was, and nothing is left."""
    other = {**event.data, "initiator": "learner"}
    rows = sql.select(
        Inbox, ("event_type", "payload"), "stream_id", [event.stream.id], extra="due_at IS NOT NULL"
    )
    return any(event_type == ENROLLMENT_ENDED and orjson.loads(payload) == other for event_type, payload in rows)
