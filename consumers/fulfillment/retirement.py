"""Retirement: what is stored of a learner's orders stays, who the learner was does not (R34).

Personal data stands in two places: in the waiting lines, which end by being decided once more, and in the payloads of
received events, which are cleaned here. Order and line ids, and the account's number, are kept: the store knows them.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from commerce_events.bus import sql
from commerce_events.models import Inbox
from consumers.fulfillment import digests
from consumers.fulfillment.models import Grant, WaitingLine

#: What tells a ``LearnerData`` from other objects of a payload.
_MARKS = frozenset({"lms_user_id", "username", "email"})
#: What of it names a person.
_NAMES = ("username", "email", "store_customer_id")


def orders_of(lms_user_id: int, names: Collection[bytes]) -> dict[int, str]:
    """Stream and key of every order with a line for this learner, or that waits for one of these names.

    Arguments:
        names: digests of the user name and the e-mail address that the account once had.
    """
    columns = ("stream_id", "order_key")
    found = sql.select(Grant, columns, "lms_user_id", [lms_user_id])
    found += sql.select(WaitingLine, columns, "lms_user_id", [lms_user_id])
    for column in ("username_digest", "email_digest"):
        found += sql.select(WaitingLine, columns, column, names)
    return dict(found)  # type: ignore[arg-type]


def scrub(streams: Collection[int], lms_user_id: int, names: Collection[bytes]) -> int:
    """Take the learner's name and address out of every payload of these orders; the account's number takes their place.

    An order that is still to be handled then finds a retired account, as it would have by the address.

    Returns:
        How many payloads were changed.
    """
    changed = []
    for row_id, payload in sql.select(Inbox, ("id", "payload"), "stream_id", sorted(streams), order_by="id"):
        data = orjson.loads(payload) if payload else {}
        named = [who for who in _learners(data) if _is(who, lms_user_id, names)]
        for who in named:
            who.update({name: None for name in _NAMES if name in who}, lms_user_id=lms_user_id)
        if named:
            changed.append((row_id, orjson.dumps(data).decode()))
    sql.update(Inbox, ("payload",), changed)
    return len(changed)


def _learners(data: Any) -> Iterator[dict[str, Any]]:
    """Every ``LearnerData`` in a payload: buyers, beneficiaries, and those of an order that a retry brought along."""
    if isinstance(data, dict):
        if data.keys() >= _MARKS:
            yield data
        data = list(data.values())
    if isinstance(data, list):
        for part in data:
            yield from _learners(part)


def _is(who: Mapping[str, Any], lms_user_id: int, names: Collection[bytes]) -> bool:
    """Whether a ``LearnerData`` says anything of this learner beyond the number."""
    username, email = who["username"], who["email"]
    is_theirs = (
        who["lms_user_id"] == lms_user_id
        or (bool(username) and digests.of_username(username) in names)
        or (bool(email) and digests.of_email(email) in names)
    )
    return is_theirs and any(who.get(name) for name in _NAMES)
