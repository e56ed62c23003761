"""What learners do in the LMS reaches their order lines: they appear, they leave a course, they retire.

A receiver in the learner's own request inserts one internal event and no more; the handle stage finds the orders that
are concerned and has each of them decided in its own stream, under its own lock.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce_events.bus import inbox, sql
from commerce_events.bus.types import FollowUp, Outcome
from consumers.fulfillment import digests, retirement
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.models import Grant, WaitingLine
from consumers.fulfillment.rules.decide import LEARNER_LEFT, ORDER_RESUME
from consumers.fulfillment.rules.state import Pair

#: Something about a learner changed: an account was made or activated, its e-mail changed; with ``course_key``, an
#: enrollment ended; with ``is_retired``, the account was retired. Names the account by its id alone.
LEARNER_CHANGED = "internal.learner.changed.v1"
#: The platform says that an enrollment ended before it says that the learner asked for it. Who only ended it waits so
#: long; what the learner said has been handled by then, and nothing is left to release.
SETTLES = timedelta(minutes=1)


def learner_changed(lms_user_id: int) -> None:
    """Have the lines that wait for this learner decided again. One row, in the caller's transaction."""
    _enqueue(lms_user_id, {})


def learner_left(lms_user_id: int, course_key: str, initiator: str = "learner") -> None:
    """The learner was unenrolled: have the grants released and the stores asked for refunds (R29). One row.

    Arguments:
        initiator: ``learner``, at once; or ``staff``, that is anybody else, a minute later.
    """
    due_at = datetime.now(UTC) + SETTLES if initiator == "staff" else None
    _enqueue(lms_user_id, {"course_key": course_key, "initiator": initiator}, due_at)


def learner_retired(lms_user_id: int, username: str, email: str) -> None:
    """The account was retired: forget who it was, and end what its lines wait for (R34). One row.

    Arguments:
        username, email: as they were; stored as digests.
    """
    names = [name.hex() for name in _names(username, email)]
    _enqueue(lms_user_id, {"is_retired": True, "names": names})


def fan_out(data: Mapping[str, Any], gateway: Gateway) -> Outcome:
    """One event for each order with a line that is concerned."""
    user = data["lms_user_id"]
    if "course_key" in data:
        return _left(data, gateway)
    if data.get("is_retired"):
        names = [bytes.fromhex(name) for name in data["names"]]
        orders = retirement.orders_of(user, names)
        retirement.scrub(orders, user, names)
        return _resumed(dict.fromkeys(orders.values()))
    waiting: dict[str, set[str]] = {}
    for account in gateway.accounts([user], [], []):
        for order_key, line_id in _waiting_for(user, _names(account.username, account.email)):
            waiting.setdefault(order_key, set()).add(line_id)
    return _resumed(waiting)


def _waiting_for(lms_user_id: int, names: Collection[bytes]) -> Iterable[tuple[Any, ...]]:
    """Order key and line id of each line that waits for this account. Who it really is, the rules decide (R3)."""
    columns = ("order_key", "line_id")
    yield from sql.select(WaitingLine, columns, "lms_user_id", [lms_user_id])
    for column in ("username_digest", "email_digest"):
        yield from sql.select(WaitingLine, columns, column, names)


def _left(data: Mapping[str, Any], gateway: Gateway) -> Outcome:
    """Each order that granted the seat. A retired learner leaves every course, and asks nobody for money (R34)."""
    user, course_key = data["lms_user_id"], data["course_key"]
    if any(account.is_retired for account in gateway.accounts([user], [], [])):
        return Outcome()
    granted = sql.select(Grant, ("order_key", "found"), "pair", [digests.of_pair(Pair(user, course_key))])
    orders = sorted({order_key for order_key, found in granted if found})
    return Outcome(follow_ups=[FollowUp(LEARNER_LEFT, key, {**data, "order_key": key}) for key in orders])


def _resumed(orders: Mapping[str, Collection[str] | None]) -> Outcome:
    """One resumption for each order: of these lines, or of all that wait or are held."""
    follow_ups = []
    for key, line_ids in sorted(orders.items()):
        data: dict[str, Any] = {"order_key": key}
        if line_ids is not None:
            data["line_ids"] = sorted(line_ids)
        follow_ups.append(FollowUp(ORDER_RESUME, key, data))
    return Outcome(follow_ups=follow_ups)


def _names(username: str, email: str) -> list[bytes]:
    """What a waiting line may know an account by."""
    return [digests.of_username(username), *([digests.of_email(email)] if email else [])]


def _enqueue(lms_user_id: int, what: dict[str, Any], due_at: datetime | None = None) -> None:
    inbox.enqueue(LEARNER_CHANGED, f"learner:{lms_user_id}", {"lms_user_id": lms_user_id, **what}, due_at)
