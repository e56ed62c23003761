"""A learner is forgotten (R34): their open lines end, and nothing that we keep names them any more.

Order keys and line ids stay, and so does the number of the account: it is what makes a late event of theirs end as
``learner_retired`` and not as an order for nobody. Digests, decisions and results hold nothing else of a learner.

Two ways lead here. The platform's signals, by the handle stage: it ends the lines and scrubs their orders. And
``commerce_retire_learner``, which looks through everything that we keep (:mod:`consumers.fulfillment.sweep`).
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from commerce_events.bus import inbox, sql
from commerce_events.bus.types import Event, Outcome
from commerce_events.models import Inbox
from consumers.fulfillment import digests, resume
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.models import Grant, WaitingLine

#: The platform retires an account. Names it by its id, and by digests of what it was called.
LEARNER_RETIRED = "internal.learner.retired.v1"
#: What tells a ``LearnerData`` from other objects of an event.
_LEARNER = {"lms_user_id", "username", "email"}


def retired(lms_user_id: int, username: str, email: str) -> None:
    """Have a learner forgotten. One row, in the caller's transaction.

    Arguments:
        username, email: as they were; the platform replaces both by hashes.
    """
    names = sorted(name.hex() for name in digests.of_names(username, email))
    inbox.enqueue(LEARNER_RETIRED, f"learner:{lms_user_id}", {"lms_user_id": lms_user_id, "names": names})


def fan_out(event: Event, gateway: Gateway) -> Outcome:
    """Decide the open lines of this learner once more, each order in its own stream, and scrub those orders."""
    person = Person(event.data["lms_user_id"], frozenset(map(bytes.fromhex, event.data["names"])))
    orders = orders_of(person)
    scrub(sql.select(Inbox, ("id", "payload"), "stream_id", sorted(orders), extra="payload <> ''"), person)
    return resume.again(dict.fromkeys(orders.values()))


@dataclass(frozen=True)
class Person:
    """Everything that names one learner in an event. ``names`` are digests (``digests.of_names``)."""

    lms_user_id: int | None
    names: frozenset[bytes]

    def forget(self, data: Any) -> bool:
        """Take this person out of an event, in place; answers whether anything named them.

        Only what names people is touched, so the event stays valid, its lines stay what they were, and a retry decides
        them for the account's number.
        """
        if isinstance(data, list):
            return _any(map(self.forget, data))
        if not isinstance(data, dict):
            return False
        if not data.keys() >= _LEARNER:
            return _any(map(self.forget, data.values()))
        user, username, email = data["lms_user_id"], data["username"], data["email"]
        is_them = user is not None and user == self.lms_user_id
        by_username = is_them or (bool(username) and digests.of_username(username) in self.names)
        by_email = is_them or (bool(email) and digests.of_email(email) in self.names)
        before = dict(data)
        if by_username:
            data["username"] = None
        if by_email:
            data["email"] = None
        if is_them or (user is None and (by_username or by_email)):
            data |= {"lms_user_id": self.lms_user_id, "username": None, "email": None, "store_customer_id": None}
        return data != before


def orders_of(person: Person) -> dict[int, str]:
    """Stream and key of every order with a line for this learner, or with one that waits for them.

    Grants have no index by learner, which every order would pay for: this reads the table. People retire seldom.
    """
    columns, ids = ("stream_id", "order_key"), [] if person.lms_user_id is None else [person.lms_user_id]
    rows: list[Any] = []
    rows += sql.select(Grant, columns, "lms_user_id", ids)
    rows += sql.select(WaitingLine, columns, "lms_user_id", ids)
    for column in ("username_digest", "email_digest"):
        rows += sql.select(WaitingLine, columns, column, person.names)
    return dict(rows)


def scrub(rows: Iterable[tuple[Any, ...]], *people: Person) -> int:
    """Scrub events, given by id and payload. Digests stay, so a copy of one is still recognised.

    Returns:
        The number of events that named somebody of these.
    """
    changed = []
    for row_id, payload in rows:
        data = orjson.loads(payload)
        if _any(person.forget(data) for person in people):
            changed.append((row_id, orjson.dumps(data).decode()))
    sql.update(Inbox, ("payload",), sorted(changed))
    return len(changed)


def _any(answers: Iterable[bool]) -> bool:
    """Whether one of them is yes; all of them are asked."""
    return True in list(answers)
