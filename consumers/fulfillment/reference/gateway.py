"""The reference gateway: every method in one or two statements, however many keys it is given.

Set ``COMMERCE_FULFILLMENT["GATEWAY"]`` to :class:`ReferenceGateway`, or to :class:`OneByOneGateway` to see how a
platform that cannot work in bulk is served.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Lower

from commerce_events.bus import sql
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Account, Change, Gateway
from consumers.fulfillment.reference.models import ReferenceCourse, ReferenceEnrollment
from consumers.fulfillment.rules.state import Course, Pair, Seat

_ACCOUNT = ("id", "username", "email", "is_active")
_COURSE = ("course_key", "modes", "capacity", "enrollment_start", "enrollment_end", "invitation_only")
_SEAT = ("lms_user_id", "course_key", "mode", "is_active")
_WRITTEN = ("mode", "is_active", "order_key", "order_number", "line_id")


class ReferenceGateway(Gateway):
    """Learners are accounts of ``django.contrib.auth``; courses and enrollments are this app's own tables."""

    bulk = True
    app = "consumers.fulfillment.reference"

    def accounts(
        self, user_ids: Collection[int], usernames: Collection[str], emails: Collection[str]
    ) -> Sequence[Account]:
        """One statement for each kind of identifier that was given."""
        users = get_user_model()
        # a number that the column cannot hold would be an error on PostgreSQL, and one order's would fail a whole group
        _, most = connection.ops.integer_field_range(users._meta.pk.get_internal_type())
        ids = [user_id for user_id in user_ids if user_id <= most]
        rows = sql.select(users, _ACCOUNT, "id", ids) + sql.select(users, _ACCOUNT, "username", usernames)
        if emails:
            folded = users.objects.annotate(folded=Lower("email")).filter(folded__in=list(emails))
            rows += folded.values_list(*_ACCOUNT)
        return [Account(*row) for row in rows]

    def seats(self, pairs: Sequence[Pair], *, lock: bool) -> Mapping[Pair, Seat]:
        """Enrollments by the digest of their pair."""
        rows = sql.select(ReferenceEnrollment, _SEAT, "pair", map(digests.of_pair, pairs), lock=lock)
        return {Pair(user, course_key): Seat(mode, is_active) for user, course_key, mode, is_active in rows}

    def courses(self, course_keys: Collection[str]) -> Mapping[str, Course]:
        """Courses by the digest of their key; learners are counted only where their number is limited."""
        rows = sql.select(ReferenceCourse, _COURSE, "digest", map(digests.of_course, course_keys))
        taken = _taken(key for key, _, capacity, *_ in rows if capacity is not None)
        return {
            key: Course(
                modes=_modes(modes),
                is_full=capacity is not None and taken.get(key, 0) >= capacity,
                enrollment_start=start, enrollment_end=end, invitation_only=by_invitation,
            )
            for key, modes, capacity, start, end, by_invitation in rows
        }  # fmt: skip

    def certified(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """Enrollments that are marked as certified."""
        columns = ("lms_user_id", "course_key")
        rows = sql.select(
            ReferenceEnrollment, (*columns, "is_certified"), "pair", map(digests.of_pair, pairs)
        )
        return [Pair(user, course_key) for user, course_key, is_certified in rows if is_certified]

    def apply(self, changes: Sequence[Change]) -> Mapping[Pair, str]:
        """Refuse what does not fit into a course that somebody else has filled meanwhile; else write everything."""
        refused = _without_seat(changes)
        if refused:
            return refused
        new, changed = [], []
        for pair, before, after, line in changes:
            words = (line.order_key, line.order_number, line.line_id) if line is not None else ("", "", "")
            if before is None:
                new.append((digests.of_pair(pair), *after, *words, *pair, False))
            else:
                changed.append((digests.of_pair(pair), *after, *words))
        # in the order of the digests, so that two writers meet in one order
        sql.insert(ReferenceEnrollment, ("pair", *_WRITTEN, "lms_user_id", "course_key", "is_certified"), sorted(new))
        sql.update(ReferenceEnrollment, _WRITTEN, sorted(changed), key="pair")
        return {}


class OneByOneGateway(ReferenceGateway):
    """The same tables, one order per transaction: as a platform that sends e-mails while it enrolls must be served."""

    bulk = False


def _without_seat(changes: Iterable[Change]) -> dict[Pair, str]:
    """The changes that would enroll more learners than a course takes, in the order given; locks those courses."""
    arriving: dict[str, list[Pair]] = {}
    for change in changes:
        if change.after.is_active and (change.before is None or not change.before.is_active):
            arriving.setdefault(change.pair.course_key, []).append(change.pair)
    limited = sql.select(
        ReferenceCourse, ("course_key", "capacity"), "digest", map(digests.of_course, arriving),
        lock=True, extra="capacity IS NOT NULL",
    )  # fmt: skip
    taken = _taken(key for key, _ in limited)
    return {
        pair: "course_full"
        for key, capacity in limited
        for pair in arriving[key][max(capacity - taken.get(key, 0), 0):]
    }  # fmt: skip


def _modes(stored: str | dict[str, str | None]) -> dict[str, datetime | None]:
    """The modes of a course; where the database has no JSON of its own, a driver hands out text."""
    modes: dict[str, str | None] = orjson.loads(stored) if isinstance(stored, str) else stored
    return {mode: datetime.fromisoformat(expiry) if expiry else None for mode, expiry in modes.items()}


def _taken(course_keys: Iterable[str]) -> dict[str, int]:
    """How many are enrolled. Counted and not kept: dear in a large table, and right whoever enrolled them."""
    keys = list(course_keys)
    if not keys:
        return {}
    active = ReferenceEnrollment.objects.filter(course_key__in=keys, is_active=True)
    counted: Iterable[Any] = active.values_list("course_key").annotate(Count("pk")).order_by()
    return dict(counted)
