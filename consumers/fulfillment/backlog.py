"""What waits for a person or has failed, chosen by course, reason, store and state; and to have it all tried again.

Three kinds of things: order **lines** that wait, are held, or have failed; **refunds** that are held although their
lines still give access (R24); and whole **events** that are held because no attempt on them came to a decision.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import orjson

from commerce_events.bus import sql
from commerce_events.models import Inbox, Stream
from consumers.fulfillment import api
from consumers.fulfillment.models import Grant

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


def find(choice: Choice) -> list[Found]:
    """Everything that was chosen, by order. Reads the tables: nothing of this has an index, and it is seldom asked."""
    found = [*_lines(choice), *(_events(choice) if "held" in choice.states else ())]
    return sorted(found, key=lambda each: (each.order_key, each.what, each.line_id))


def retry(found: Iterable[Found], actor: str, *, is_approved: bool = False) -> Iterator[int]:
    """Have it decided again; how many things, order by order.

    Arguments:
        is_approved: carry held refunds out although a certificate was earned.
    """
    for each in _by_order(found):
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
    for grant in grants.order_by("pk"):
        if grant.state != "held" or not grant.found:
            refund_id, reason = None, grant.reason
        else:
            refund_id, reason = _held_refund(grant)
        if choice.is_met(grant.order_key, reason, (grant.course_key,)):
            what = LINE if refund_id is None else REFUND
            yield Found(what, grant.order_key, grant.line_id, grant.state, reason, grant.course_key, refund_id)


def _held_refund(grant: Grant) -> tuple[str | None, str]:
    """Under which refund a line is held, and why: the last decision on it says so."""
    source, _, order_id = grant.order_key.partition(":")
    journey = api.journey(source, order_id)
    effects = [effect for step in (journey.steps if journey is not None else ()) for effect in step.effects]
    for effect in reversed(effects):
        if effect.line_id == grant.line_id and effect.action == "revoke" and effect.outcome == "deferred":
            return effect.refund_id, effect.reason_code
    return None, grant.reason


def _events(choice: Choice) -> Iterator[Found]:
    rows = list(Inbox.objects.filter(state=Inbox.State.HELD).order_by("pk"))
    keys = dict(sql.select(Stream, ("id", "key"), "id", {row.stream_id for row in rows}))
    for row in rows:
        key = keys[row.stream_id]
        lines = orjson.loads(row.payload or "{}").get("lines") or ()
        courses = sorted({line["course_key"] for line in lines if isinstance(line, dict) and line.get("course_key")})
        if choice.is_met(key, row.reason, courses):
            yield Found(EVENT, key, "", "held", row.reason, ", ".join(courses), inbox_id=row.pk)
