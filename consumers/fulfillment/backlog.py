"""What waits for a person or has failed, chosen by course, reason, store and state; and to have it all tried again.

Three kinds of things: order **lines** that wait, are held, or have failed; **refunds** that are held although their
lines still give access (R24); and whole **events** that are held because no attempt on them came to a decision, or
refunds that were refused because their store was stopped or not allowed (R37).
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import orjson
from django.db.models import QuerySet

from commerce_events.bus import sql
from commerce_events.models import Inbox, Stream
from consumers.fulfillment import api
from consumers.fulfillment.models import Grant
from consumers.fulfillment.rules.decide import ORDER_REFUNDED

#: Ends that somebody decided on: to try them again, a person must name the reason or the order.
DECIDED = frozenset({"discarded", "learner_retired"})
REFUSED = "source_not_allowed"
#: The states that can be chosen.
STATES = ("waiting", "held", "failed")
LINE, REFUND, EVENT = "line", "refund", "event"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked for; an empty word is no condition."""

    states: Sequence[str] = STATES
    reason_code: str = ""
    course_key: str = ""
    source: str = ""
    order_key: str = ""

    def is_met(self, order_key: str, reason_code: str, course_keys: Iterable[str]) -> bool:
        """By exact comparison: a collation may think two texts alike."""
        if reason_code in DECIDED and not (self.reason_code or self.order_key):
            return False
        return (
            self.reason_code in ("", reason_code)
            and self.source in ("", order_key.partition(":")[0])
            and self.order_key in ("", order_key)
            and (not self.course_key or self.course_key in course_keys)
        )


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a person can have tried again or give up."""

    what: str
    order_key: str
    line_id: str
    state: str
    reason_code: str
    course_key: str = ""
    refund_id: str | None = None
    inbox_id: int | None = None
    is_lost: bool = False  # nobody knows any more who it was for: the order's payload was purged


def find(choice: Choice) -> list[Found]:
    """Everything that was chosen, by order. Reads the tables: nothing of this has an index, and it is seldom asked."""
    found = list(_lines(choice))
    if "held" in choice.states:
        found += _events(choice, Inbox.objects.filter(state=Inbox.State.HELD), "held")
    if "failed" in choice.states:
        found += _events(choice, _refused_refunds(), "failed")
    return sorted(found, key=lambda each: (each.order_key, each.what, each.line_id))


def retry(found: Iterable[Found], actor: str, *, is_approved: bool = False) -> Iterator[int]:
    """Have it decided again; how many things, order by order. What is lost is left out.

    Arguments:
        is_approved: carry held refunds out although a certificate was earned.
    """
    for each in _by_order(one for one in found if not one.is_lost):
        source, _, order_id = each[0].order_key.partition(":")
        line_ids = [one.line_id for one in each if one.what == LINE]
        if line_ids:
            api.retry(source, order_id, line_ids, actor)
        for one in each:
            if one.what == REFUND:
                api.retry(source, order_id, [one.line_id], actor, refund_id=one.refund_id, is_approved=is_approved)
            elif one.inbox_id is not None:
                api.retry_event(one.inbox_id, actor)
        yield len(each)


def discard(found: Iterable[Found], actor: str) -> Iterator[int]:
    """Give it up; how many things, order by order."""
    for each in _by_order(found):
        source, _, order_id = each[0].order_key.partition(":")
        line_ids = [one.line_id for one in each if one.what == LINE]
        if line_ids:
            api.discard(source, order_id, line_ids, actor)
        for one in each:
            if one.what == REFUND:
                api.discard(source, order_id, [one.line_id], actor, refund_id=one.refund_id)
            elif one.inbox_id is not None:
                api.discard_event(one.inbox_id, actor)
        yield len(each)


def _by_order(found: Iterable[Found]) -> Iterator[list[Found]]:
    for _, each in groupby(found, key=lambda one: one.order_key):
        yield list(each)


def _lines(choice: Choice) -> Iterator[Found]:
    grants = Grant.objects.filter(state__in=choice.states)
    if choice.course_key:
        grants = grants.filter(course_key=choice.course_key)
    lost = _lost(grants)
    for grant in grants.order_by("pk"):
        if grant.state != "held" or not grant.found:
            refund_id, reason = None, grant.reason
        else:
            refund_id, reason = _held_refund(grant)
        if choice.is_met(grant.order_key, reason, (grant.course_key,)):
            what = LINE if refund_id is None else REFUND
            yield Found(
                what, grant.order_key, grant.line_id, grant.state, reason, grant.course_key, refund_id,
                is_lost=what == LINE and grant.pk in lost,
            )  # fmt: skip


def _lost(grants: QuerySet[Grant]) -> set[int]:
    """Failed lines of nobody: their learner is not in the ledger, and their order's payload is there no more."""
    nobodys = dict(grants.filter(state="failed", lms_user_id=None).values_list("pk", "stream_id"))
    told = sql.select(Inbox, ("stream_id",), "stream_id", set(nobodys.values()), extra="payload <> ''")
    known = {stream_id for (stream_id,) in told}
    return {pk for pk, stream_id in nobodys.items() if stream_id not in known}


def _held_refund(grant: Grant) -> tuple[str | None, str]:
    """Under which refund a line is held, and why: the last decision on it says so."""
    source, _, order_id = grant.order_key.partition(":")
    journey = api.journey(source, order_id)
    effects = [effect for step in (journey.steps if journey is not None else ()) for effect in step.effects]
    for effect in reversed(effects):
        if effect.line_id == grant.line_id and effect.action == "revoke" and effect.outcome == "deferred":
            return effect.refund_id, effect.reason_code
    return None, grant.reason


def _refused_refunds() -> QuerySet[Inbox]:
    rows = Inbox.objects.filter(state=Inbox.State.HANDLED, event_type=ORDER_REFUNDED).exclude(payload="")
    return rows.filter(decision__contains=f'"{REFUSED}"')


def _events(choice: Choice, chosen: QuerySet[Inbox], state: str) -> Iterator[Found]:
    rows = list(chosen.order_by("pk"))
    keys = dict(sql.select(Stream, ("id", "key"), "id", {row.stream_id for row in rows}))
    for row in rows:
        key = keys[row.stream_id]
        lines = orjson.loads(row.payload or "{}").get("lines") or ()
        courses = sorted({line["course_key"] for line in lines if isinstance(line, dict) and line.get("course_key")})
        reason = row.reason if state == "held" else REFUSED
        if choice.is_met(key, reason, courses):
            yield Found(EVENT, key, "", state, reason, ", ".join(courses), inbox_id=row.pk)
