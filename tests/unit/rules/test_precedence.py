"""Which reason is told when several stand: the two orders of the fine print, pair by pair with their neighbours."""
from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from consumers.fulfillment.rules.decide import LEARNER_LEFT, LINES_DISCARDED, ORDER_RESUME
from consumers.fulfillment.rules.policy import Source
from consumers.fulfillment.rules.state import Pair

from .site import COURSE, Result, Site, at, buy, give_back, line, order, refund, refund_line

Make = Callable[[Site, dict[str, Any], dict[str, Any]], None]


def no_source(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    fields["source"] = "stranger"


def a_test_order(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    fields["is_test"] = True


def donation(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    sold["product_kind"] = "donation"


def unknown(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    fields["learner"] = {"email": "learner@example.com"}


def embargoed(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    site.embargoed.add(Pair(1, COURSE))


def closed(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    site.course(enrollment_end=at(2025))


def over(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    site.course(modes={"verified": at(2025)})


def full(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    site.course(is_full=True)


def no_mode(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    sold["mode"] = "masters-of-all"


def refusing(site: Site, fields: dict[str, Any], sold: dict[str, Any]) -> None:
    site.refusals[Pair(1, COURSE)] = "blocked_by_filter"


#: R36, R37, R39, R3–R6, R38, R12, R13, R14, R15, R16.
AGAINST: list[tuple[Make, str]] = [
    (a_test_order, "test_order"), (no_source, "source_not_allowed"), (donation, "nothing_to_fulfill"),
    (unknown, "learner_not_found"), (embargoed, "learner_embargoed"), (closed, "enrollment_closed"),
    (over, "mode_expired"), (full, "course_full"), (no_mode, "mode_not_found"), (refusing, "blocked_by_filter"),
]
#: Who has no mode has no deadline of it, either.
APART = {("mode_expired", "mode_not_found")}


@pytest.mark.parametrize(("stronger", "weaker"), [
    (strong, weak) for strong, weak in combinations(AGAINST, 2) if (strong[1], weak[1]) not in APART
], ids=lambda pair: pair[1])
def test_the_first_reason_against_a_purchase_is_told(stronger: tuple[Make, str], weaker: tuple[Make, str]) -> None:
    site = Site(source=Source(force_enrollment=False))
    fields: dict[str, Any] = {"learner": {"lms_user_id": 1}}
    sold = line("a", COURSE, "verified")
    for make, _ in (weaker, stronger):
        make(site, fields, sold)
    assert site.one(order("o1", fields.pop("learner"), [sold], **fields)).reason == stronger[1]


def test_a_course_that_does_not_exist_comes_after_the_embargo() -> None:
    site = Site()
    site.course(exists=False)
    site.embargoed = {Pair(1, COURSE)}
    assert site.one(buy("o1")) == Result("failed", "learner_embargoed")


@pytest.mark.parametrize(("quantity", "others", "base", "reason"), [
    (2, True, "masters", "duplicate_purchase"),
    (2, False, "masters", "better_mode_held"),
    (2, False, "verified", "already_enrolled"),
    (2, False, None, "quantity_unsupported"),
    (1, False, None, "ok"),
])
def test_the_first_word_for_a_grant_is_told(quantity: int, others: bool, base: str | None, reason: str) -> None:
    site = Site()
    if base:
        site.set(base)
    if others:
        site.tell(buy("o2"))
    assert site.one(buy("o1", quantity=quantity)).reason == reason


def released(site: Site) -> None:
    site.set(None)
    site.tell((LEARNER_LEFT, {"order_key": "shop:o1", "lms_user_id": 1, "course_key": COURSE, "initiator": "learner"}))


def changed(site: Site) -> None:
    site.set("honor")


def bought_twice(site: Site) -> None:
    site.tell(buy("o2"))


def certified(site: Site) -> None:
    site.certified = {Pair(1, COURSE)}


@pytest.mark.parametrize(("scenes", "result"), [
    ((certified, bought_twice, released), Result("revoked", "ok")),
    ((certified, bought_twice, changed), Result("retained", "mode_changed_since", "honor", "honor")),
    ((certified, bought_twice), Result("retained", "other_grant", "verified", "verified")),
    ((certified,), Result("deferred", "certificate_issued", "verified", "verified")),
    ((), Result("revoked", "ok", "verified", None)),
], ids=["R30", "R23", "R22", "R24", "R25"])
def test_the_first_word_for_a_refund_is_told(scenes: tuple[Callable[[Site], None], ...], result: Result) -> None:
    site = Site()
    site.tell(buy("o1"))
    for scene in scenes:
        scene(site)
    assert site.one(give_back("o1")) == result


@pytest.mark.parametrize("scene", [bought_twice, changed, certified])
def test_r20_and_r21_come_before_all_of_them(scene: Callable[[Site], None]) -> None:
    site = Site()
    site.tell(buy("o1", quantity=2))
    scene(site)
    assert site.one(refund("o1", "r0")).reason == "amount_only_refund"
    assert site.one(give_back("o1")).reason == "quantity_remaining"


def test_r03_a_stale_name_beside_a_valid_id_is_served_and_said() -> None:
    site = Site()
    who = {"lms_user_id": 1, "username": "former", "email": "former@example.com"}
    assert site.one(order("o1", who, [line("a", COURSE, "verified")])) == Result("completed", "ok", None, "verified")
    assert [tuple(alarm) for alarm in site.decision.alarms] == [
        ("stale_username", "shop:o1", "a"), ("stale_email", "shop:o1", "a")]


def test_r33_a_free_order_is_an_order() -> None:
    """No event carries a price: a mode that costs nothing is sold as any other."""
    site = Site()
    assert site.one(buy("o1", "audit")) == Result("completed", "ok", None, "audit")
    assert site.one(give_back("o1")) == Result("revoked", "ok", "audit", None)


def test_r13_the_last_moment_counts() -> None:
    site = Site()
    site.course(modes={"verified": at(2025, 12, 1)})
    assert site.one(buy("o1", paid_at=at(2025, 12, 1).isoformat())).outcome == "completed"
    site.now = at(2025, 12, 1)
    assert site.one(buy("o2", user=2, paid_at=at(2025, 12, 2).isoformat())).outcome == "completed"


@pytest.mark.parametrize(("paid_at", "outcome"), [(at(2025), "completed"), (at(2025, 12), "completed")])
def test_r12_the_ends_of_a_window_belong_to_it(paid_at: Any, outcome: str) -> None:
    site = Site(source=Source(force_enrollment=False))
    site.course(enrollment_start=at(2025), enrollment_end=at(2025, 12))
    assert site.one(buy("o1", paid_at=paid_at.isoformat())).outcome == outcome


def test_r38_an_embargoed_learner_is_not_upgraded() -> None:
    site = Site()
    site.set("audit")
    site.embargoed = {Pair(1, COURSE)}
    assert site.one(buy("o1")) == Result("failed", "learner_embargoed", "audit", "audit")


def test_every_line_handled_converges_those_that_fail_included() -> None:
    """Whoever took the seat away between two orders is noticed by the second, although it fails."""
    site = Site()
    site.tell(buy("o1"))
    site.set("honor")
    assert site.one(buy("o2", "masters-of-all")) == Result("failed", "mode_not_found", "honor", "honor")
    assert site.grant("o1").state == "overridden"


def test_a_stricter_refund_of_what_gives_nothing_any_more_is_not_held() -> None:
    """Held lines give access: a seat that went would come back by being held."""
    site = Site()
    site.set("audit")
    site.tell(buy("o1"), give_back("o1"))
    site.certified = {Pair(1, COURSE)}
    assert site.one(give_back("o1", 1, "r2", access_hint="deactivate")) == Result("revoked", "ok", "audit", None)
    assert (site.states, site.holds()) == (["refunded"], None)


def test_a_refused_refund_of_what_gives_nothing_any_more_can_be_tried_again() -> None:
    site = Site()
    site.set("audit")
    site.tell(buy("o1"), give_back("o1"))
    site.refusals = {Pair(1, COURSE): "blocked_by_filter"}
    assert site.one(give_back("o1", 1, "r2", access_hint="deactivate")) == Result(
        "deferred", "blocked_by_filter", "audit", "audit")
    assert site.states == ["refunded"]
    site.refusals = {}
    retry = ORDER_RESUME, {"order_key": "shop:o1", "line_ids": ["a"], "is_retry": True, "refund_id": "r2"}
    assert site.one(retry) == Result("revoked", "ok", "audit", None)
    assert site.tell((LINES_DISCARDED, {"order_key": "shop:o1", "refund_id": "r2"})) == []


def test_r31_an_address_that_proves_nothing_takes_no_access_away() -> None:
    site = Site(revoke_unknown_grants=True)
    site.account(3, "learner@example.com", is_active=False)
    site.set("verified", 3)
    named = {**refund_line("a", 1), "course_key": COURSE, "mode": "verified"}
    back = refund("o1", "r1", [named], learner={"email": "learner@example.com"})
    assert site.one(back) == Result("retained", "grant_not_found")
    assert site.holds(3) == "verified"


@pytest.mark.parametrize(("hold", "reason"), [(False, "grant_not_found"), (True, "certificate_issued")])
def test_r31_r32_a_chargeback_asks_for_a_certificate_only_where_the_site_says_so(hold: bool, reason: str) -> None:
    site = Site(revoke_unknown_grants=True, chargeback_certificate_hold=hold)
    site.set("verified")
    site.certified = {Pair(1, COURSE)}
    named = {**refund_line("a", 1), "course_key": COURSE, "mode": "verified"}
    back = refund("o1", "r1", [named], learner={"lms_user_id": 1}, refund_kind="chargeback")
    assert site.one(back).reason == reason
