"""Every reason code, and every outcome it stands with, is reached: each row of the table of situations is played.

Rows that need a failing database or an unreadable event are played in ``tests/unit/fulfillment/test_situations.py``.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from consumers.fulfillment.rules.decide import LEARNER_LEFT, LINES_DISCARDED, LINES_EXPIRED
from consumers.fulfillment.rules.machine import STATES, state_of
from consumers.fulfillment.rules.policy import Source
from consumers.fulfillment.rules.reasons import REASONS
from consumers.fulfillment.rules.situations import SITUATIONS, Situation
from consumers.fulfillment.rules.state import Pair

from .site import COURSE, Site, at, buy, give_back, line, order, refund, refund_line, resume

#: Told by ``retell.py``, outside the rules.
ELSEWHERE = {"database_unavailable", "content_store_unavailable", "schema_invalid"}
LATE = {"email": "learner@example.com"}
ABOUT: dict[str, Any] = {"order_key": "shop:o1", "line_ids": ["a"]}
EXPIRED, DISCARDED = (LINES_EXPIRED, ABOUT), (LINES_DISCARDED, {**ABOUT, "refund_id": "r1"})
LEFT = LEARNER_LEFT, {**ABOUT, "lms_user_id": 1, "course_key": COURSE, "initiator": "learner"}

Play = Callable[[Site], Any]
PLAYS: dict[str, Play] = {}


def play(name: str) -> Callable[[Play], Play]:
    def note(scene: Play) -> Play:
        PLAYS[name] = scene
        return scene

    return note


def late(mode: str = "verified", who: Any = LATE) -> Any:
    """An order of somebody who is not here yet."""
    return order("o1", who, [line("a", COURSE, mode)])


def sold(user: int = 1, **fields: Any) -> Any:
    """An order of one line of any kind."""
    return order("o1", {"lms_user_id": user}, [{**line("a", COURSE, "verified"), **fields}])


def told(*events: Any, **facts: Any) -> Play:
    """A scene of events alone, in a course of which something is so."""
    def scene(site: Site) -> None:
        site.course(**facts)
        site.tell(*events)

    return scene


def after(prepare: Callable[[Site], Any], *events: Any) -> Play:
    """A scene that begins with something else."""
    def scene(site: Site) -> None:
        prepare(site)
        site.tell(*events)

    return scene


def refused(reason: str, *before: Any) -> Play:
    """The platform refuses the last event."""
    def scene(site: Site) -> None:
        site.tell(*before[:-1])
        site.refusals = {Pair(1, COURSE): reason}
        site.tell(before[-1])

    return scene


def held(mode: str | None) -> Callable[[Site], None]:
    return lambda site: site.set(mode)


def certified(site: Site) -> None:
    site.certified = {Pair(1, COURSE)}


PLAYS |= {
    "a seat is paid": told(buy("o1")),
    "a seat is paid twice, by two orders": told(buy("o2"), buy("o1")),
    "the learner holds a better mode": after(held("masters"), buy("o1")),
    "the learner holds the mode by other means": after(held("verified"), buy("o1")),
    "more than one seat is paid": told(buy("o1", quantity=2)),
    "a refund that keeps the access overtook the payment": told(give_back("o1", access_hint="keep"), buy("o1")),
    "a fulfilled line comes back changed": told(buy("o1"), buy("o1", "honor")),
    "no account matches": told(late()),
    "only the e-mail matches, of an account that is not activated": after(
        lambda site: site.account(3, "learner@example.com", is_active=False), late()),
    "the course is full": told(buy("o1"), is_full=True),
    "the rank does not know the mode": told(buy("o1", "bootcamp"), modes={"bootcamp": None}),
    "the platform did not do what it was asked, or would break on it": refused("internal_error", buy("o1")),
    "a waiting line comes back changed": told(late(), late("honor")),
    "no account matched for half a year": told(late(), EXPIRED),
    "the account was not activated for half a year": after(
        lambda site: site.account(3, "learner@example.com", is_active=False), late(), EXPIRED),
    "the order names nobody": told(late(who={})),
    "the identifiers point to two accounts": after(
        lambda site: site.account(3, "learner@example.com"), late(who={"lms_user_id": 1, **LATE})),
    "the account was retired": after(
        lambda site: site.account(3, "learner@example.com", is_retired=True), late()),
    "the learner's country may not access the course": after(
        lambda site: site.embargoed.add(Pair(1, COURSE)), buy("o1")),
    "the mode had expired when it was paid": told(buy("o1"), modes={"verified": at(2025)}),
    "the course does not exist": told(buy("o1"), exists=False),
    "the course key cannot be read": told(buy("o1"), exists=False, key_is_valid=False),
    "the course does not offer the mode": told(buy("o1"), modes={"audit": None}),
    "a filter refuses to enroll": refused("blocked_by_filter", buy("o1")),
    "neither course and mode nor a known SKU": told(sold(course_key=None, sku="nobody's")),
    "no module serves the kind of product": told(sold(product_kind="x_workshop")),
    "a credit seat without its provider": told(buy("o1", "credit")),
    "a person gives a waiting or held line up": told(late(), DISCARDED),
    "a failed line comes back changed": told(buy("o1"), buy("o1", "honor"), exists=False),
    "the refund overtook the payment": told(give_back("o1"), buy("o1")),
    "a donation, or a product without access": told(sold(product_kind="donation")),
    "a test order": told(buy("o1", is_test=True)),
    "a skipped line comes back changed": told(buy("o1", is_test=True), buy("o1", "honor", is_test=True)),
    "the last grant is refunded": told(buy("o1"), give_back("o1")),
    "the better of two grants is refunded": told(buy("o2", "honor"), buy("o1"), give_back("o1")),
    "one of two equal grants is refunded": told(buy("o2"), buy("o1"), give_back("o1")),
    "nothing was fulfilled for the line": told(give_back("o1")),
    "a refund of money alone": told(buy("o1"), refund("o1", "r1")),
    "a part of the quantity is refunded": told(buy("o1", quantity=2), give_back("o1")),
    "what the learner held before is refunded": after(held("verified"), buy("o1"), give_back("o1")),
    "what the learner held better is refunded": after(held("masters"), buy("o1"), give_back("o1")),
    "the refund, or the site, keeps the access": told(buy("o1"), give_back("o1", access_hint="keep")),
    "a person gives a held refund up": after(certified, buy("o1"), give_back("o1"), DISCARDED),
    "a certificate was earned": after(certified, buy("o1"), give_back("o1")),
    "a filter refuses to unenroll": refused("blocked_by_filter", buy("o1"), give_back("o1")),
    "the platform did not do what the refund asked": refused("internal_error", buy("o1"), give_back("o1")),
    "a waiting, held or failed line is refunded": told(late(), give_back("o1")),
    "a donation is refunded": told(sold(product_kind="donation"), give_back("o1")),
    "a test order is refunded": told(give_back("o1", is_test=True)),
}


@play("the learner leaves the course")
def leaves(site: Site) -> None:
    site.tell(buy("o1"))
    site.set(None)
    site.tell(LEFT)


@play("the learner had left before the refund")
def left_before(site: Site) -> None:
    leaves(site)
    site.tell(give_back("o1"))


@play("somebody else changed the enrollment")
def changed(site: Site) -> None:
    site.tell(buy("o1"))
    site.set("honor")
    site.tell(give_back("o1"))


@play("enrollment was closed when it was paid")
def closed(site: Site) -> None:
    site.policy = Site(source=Source(force_enrollment=False)).policy
    site.course(enrollment_end=at(2025))
    site.tell(buy("o1"))


@play("the store is not on the allow-list")
def stranger(site: Site) -> None:
    site.policy = Site(source=None).policy
    site.tell(order("o1", {"lms_user_id": 1}, [line("a", COURSE, "verified")], source="stranger"))


@play("a refund of a store that is not on the allow-list")
def strangers_refund(site: Site) -> None:
    site.tell(refund("o1", "r1", [refund_line("a", 1)], source="stranger"))


@play("the account is retired while a line waits or is held")
def retires(site: Site) -> None:
    site.tell(late())
    site.account(3, "learner@example.com", is_retired=True)
    site.tell(resume("o1"))


@play("an older system's seat is refunded, and the site lets that act")
def unknown_acts(site: Site) -> None:
    site.policy = Site(revoke_unknown_grants=True).policy
    site.set("verified")
    named = {**refund_line("a", 1), "course_key": COURSE, "mode": "verified"}
    site.tell(refund("o1", "r1", [named], learner={"lms_user_id": 1}))


@play("a certificate was earned, and the site keeps the access then")
def kept(site: Site) -> None:
    site.policy = Site(certificate_policy="keep").policy
    certified(site)
    site.tell(buy("o1"), give_back("o1"))


@pytest.mark.parametrize("situation", [row for row in SITUATIONS if row.name in PLAYS], ids=lambda row: row.name)
def test_a_situation_is_as_the_table_says(situation: Situation) -> None:
    site = Site()
    PLAYS[situation.name](site)
    last = site.decision.lines[-1]
    grant = next((grant for (key, line_id), grant in site.grants.items()
                  if line_id == "a" and key.endswith(":o1")), None)
    assert (f"{last.action} {last.outcome}", last.reason_code) == (situation.said, situation.reason)
    assert state_of(grant) == situation.state


def test_every_row_is_played_here_or_told_outside_the_rules() -> None:
    rest = [row for row in SITUATIONS if row.name not in PLAYS]
    assert {row.reason for row in rest} <= ELSEWHERE | {"internal_error"}
    assert set(PLAYS) <= {row.name for row in SITUATIONS}
    assert len({row.name for row in SITUATIONS}) == len(SITUATIONS)


def test_every_reason_with_every_outcome_has_a_situation() -> None:
    rows = {(row.said, row.reason) for row in SITUATIONS}
    assert rows == {(said, reason.code) for reason in REASONS.values() for said in reason.outcomes}
    assert {row.state for row in SITUATIONS} == set(STATES)


def test_what_waits_or_is_held_names_who_acts() -> None:
    for row in SITUATIONS:
        assert (row.acts != "nobody") or not row.said.endswith(("deferred", "failed")), row


def test_r05_half_a_year_is_the_setting() -> None:
    site = Site(waiting=timedelta(days=3))
    site.tell(late())
    assert site.decision.timers[0].due_at - site.now == timedelta(days=3)
