"""Entitlements: R41, and what they share with seats."""
from __future__ import annotations

from typing import Any

import pytest

from consumers.fulfillment.rules.decide import LEARNER_LEFT, decide
from consumers.fulfillment.rules.state import Entitlement, EntitlementChange, EntitlementKey, Pair

from .site import COURSE, OTHER, Result, Site, buy, give_back, order, resume

UUID = "6f1b9f6e-5c1c-4c0a-9a57-2f1c6f0b7a11"
KEY = EntitlementKey(1, UUID, "verified", "shop:o1", "a")


@pytest.fixture
def site() -> Site:
    return Site()


def right(order_id: str = "o1", who: Any = None, quantity: int = 1, **fields: Any) -> Any:
    """An order of one entitlement, line ``a``."""
    sold = {"line_id": "a", "product_kind": "course_entitlement", "course_uuid": UUID, "mode": "verified",
            "quantity": quantity, **fields}
    return order(order_id, who or {"lms_user_id": 1}, [sold])


def test_r41_it_is_created_for_the_course_and_the_learner_chooses_a_run(site: Site) -> None:
    assert site.one(right()) == Result("completed", "ok")
    assert site.entitlements == {KEY: Entitlement(exists=True)}
    result = site.decision.lines[0]
    assert (result.lms_user_id, result.course_key, result.seats_used) == (1, None, 1)
    assert site.tell(right()) == []


def test_r41_the_only_run_is_upgraded(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    assert site.one(right()) == Result("completed", "ok", "audit", "verified")
    assert site.entitlements == {KEY: Entitlement(exists=True, run=COURSE)}
    assert (site.holds(), site.holds(2), site.holds(1, OTHER)) == ("verified", None, None)


def test_r41_of_two_runs_none_is_chosen(site: Site) -> None:
    site.set("audit")
    site.set("audit", 1, OTHER)
    site.runs = {(1, UUID): (COURSE, OTHER)}
    assert site.one(right()) == Result("completed", "ok")
    assert (site.holds(), site.holds(1, OTHER), site.entitlements[KEY].run) == ("audit", "audit", "")


def test_r41_its_refund_expires_it(site: Site) -> None:
    assert site.one(right(), give_back("o1")) == Result("revoked", "ok")
    assert site.entitlements[KEY].is_expired
    assert site.states == ["refunded"]
    assert site.one(give_back("o1", 1, "r2")) == Result("revoked", "ok")


def test_r41_its_refund_gives_the_run_its_base_back(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    assert site.one(right(), give_back("o1")) == Result("revoked", "ok", "verified", "audit")
    assert site.entitlements[KEY].is_expired


def test_r41_its_refund_unenrolls_from_the_run_the_learner_spent_it_on(site: Site) -> None:
    site.tell(right())
    site.set("verified", 1, OTHER)
    site.entitlements[KEY] = Entitlement(exists=True, run=OTHER)
    assert site.one(give_back("o1")) == Result("revoked", "ok", "verified", None)
    assert (site.holds(1, OTHER), site.entitlements[KEY].is_expired) == (None, True)


def test_r41_a_run_that_was_left_again_needs_nothing(site: Site) -> None:
    site.tell(right())
    site.entitlements[KEY] = Entitlement(exists=True, run=OTHER)
    assert site.one(give_back("o1")) == Result("revoked", "ok")
    assert site.entitlements[KEY].is_expired


@pytest.mark.parametrize(("hint", "after"), [("default", None), ("deactivate", None), ("downgrade", "audit")])
def test_r25_the_hint_says_what_is_left_of_the_run(site: Site, hint: str, after: str | None) -> None:
    site.tell(right())
    site.set("verified", 1, OTHER)
    site.entitlements[KEY] = Entitlement(exists=True, run=OTHER)
    assert site.one(give_back("o1", access_hint=hint)) == Result("revoked", "ok", "verified", after)


def test_r25_keep_keeps_it(site: Site) -> None:
    assert site.one(right(), give_back("o1", access_hint="keep")) == Result("retained", "access_kept")
    site.set("verified", 2)
    site.tell(right("o2", {"lms_user_id": 2}))
    key = KEY._replace(lms_user_id=2, order_key="shop:o2")
    site.entitlements[key] = Entitlement(exists=True, run=COURSE)
    assert site.one(give_back("o2", access_hint="keep")) == Result("retained", "access_kept")
    assert site.states == ["kept", "kept"]
    assert not any(known.is_expired for known in site.entitlements.values())


def test_r22_a_seat_of_another_order_stays_when_the_entitlement_goes(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    assert site.one(right(), buy("o2")) == Result("completed", "duplicate_purchase", "verified", "verified")
    assert site.one(give_back("o1")) == Result("revoked", "other_grant", "verified", "verified")
    assert site.entitlements[KEY].is_expired
    assert site.one(give_back("o2")) == Result("revoked", "ok", "verified", "audit")


def test_r23_the_entitlement_goes_although_somebody_else_changed_the_enrollment(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.tell(right())
    site.set("honor")
    assert site.one(give_back("o1")) == Result("revoked", "ok", "honor", "honor")
    assert site.entitlements[KEY].is_expired


def test_r23_one_that_somebody_else_expired_is_left_alone(site: Site) -> None:
    site.tell(right())
    site.entitlements[KEY] = Entitlement(exists=True, is_expired=True)
    assert site.one(give_back("o1")) == Result("retained", "mode_changed_since")
    assert site.one(give_back("o1", 1, "r2")) == Result("retained", "mode_changed_since")
    assert site.states == ["overridden"]


def test_r23_one_that_was_spent_and_expired_leaves_a_changed_enrollment(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.tell(right())
    site.set("honor")
    site.entitlements[KEY] = Entitlement(exists=True, is_expired=True, run=COURSE)
    assert site.one(give_back("o1")) == Result("retained", "mode_changed_since", "honor", "honor")


def test_r24_a_certificate_in_the_run_holds_both(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.tell(right())
    site.certified = {Pair(1, COURSE)}
    assert site.one(give_back("o1")) == Result("deferred", "certificate_issued", "verified", "verified")
    assert not site.entitlements[KEY].is_expired
    approved = resume("o1")[0], {**resume("o1")[1], "refund_id": "r1", "is_approved": True}
    assert site.one(approved) == Result("revoked", "ok", "verified", "audit")
    assert site.entitlements[KEY].is_expired


def test_r20_some_of_the_quantity(site: Site) -> None:
    assert site.one(right(quantity=2)) == Result("completed", "quantity_unsupported")
    assert site.one(give_back("o1", 1)) == Result("retained", "quantity_remaining")
    site.set("verified")
    site.entitlements[KEY] = Entitlement(exists=True, run=COURSE)
    assert site.one(give_back("o1", 1, "r2")) == Result("retained", "quantity_remaining")
    assert site.one(give_back("o1", 2, "r3")) == Result("revoked", "ok", "verified", None)


def test_r18_a_refund_before_it_was_paid(site: Site) -> None:
    assert site.one(give_back("o1")) == Result("retained", "grant_not_found")
    assert site.one(right()) == Result("skipped", "refund_before_paid")
    assert site.entitlements == {}
    assert site.one(give_back("o1", 1, "r2")) == Result("skipped", "refund_before_paid")


def test_r18_a_refund_before_it_was_paid_of_one_with_a_run(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    assert site.one(give_back("o1"), right()) == Result("skipped", "refund_before_paid", "audit", "audit")
    assert (site.entitlements, site.holds()) == ({}, "audit")
    assert site.one(give_back("o1", 1, "r2")) == Result("skipped", "refund_before_paid", "audit", "audit")
    assert site.entitlements == {}


def test_r18_kept_access_is_access_whichever_came_first(site: Site) -> None:
    """◆"""
    assert site.one(give_back("o1", access_hint="keep"), right()) == Result("completed", "access_kept")
    assert site.entitlements == {KEY: Entitlement(exists=True)}


def test_r05_it_waits_for_its_learner(site: Site) -> None:
    assert site.one(right(who={"email": "learner@example.com"})) == Result("deferred", "learner_not_found")
    site.account(3, "learner@example.com")
    site.set("audit", 3)
    site.runs = {(3, UUID): (COURSE,)}
    assert site.one(resume("o1")) == Result("completed", "ok", "audit", "verified")
    assert site.entitlements == {KEY._replace(lms_user_id=3): Entitlement(exists=True, run=COURSE)}


def test_r18b_its_refund_ends_the_wait(site: Site) -> None:
    site.tell(right(who={"email": "learner@example.com"}))
    assert site.tell(give_back("o1")) == [Result("skipped", "refund_before_paid")] * 2


def test_r29_who_leaves_a_run_keeps_the_entitlement(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.tell(right())
    site.set(None)
    left = LEARNER_LEFT, {"order_key": "shop:o1", "lms_user_id": 1, "course_key": COURSE, "initiator": "learner"}
    assert site.tell(left) == []
    assert site.decision.requests == []
    assert site.one(give_back("o1")).outcome == "revoked"


@pytest.mark.parametrize("facts", [
    {"exists": False}, {"modes": {"audit": None}},
], ids=["no course", "no mode"])
def test_a_run_that_cannot_be_had_leaves_it_to_the_learner(site: Site, facts: dict) -> None:
    site.set("audit")
    site.course(**facts)
    site.runs = {(1, UUID): (COURSE,)}
    assert site.one(right()) == Result("completed", "ok")
    assert (site.entitlements[KEY].run, site.holds()) == ("", "audit")


def test_r38_an_embargoed_run_leaves_it_to_the_learner(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.embargoed = {Pair(1, COURSE)}
    assert site.one(right()) == Result("completed", "ok")
    assert site.entitlements[KEY].run == ""


def test_r16_what_the_platform_refuses_is_decided_again_as_a_fact(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.refusals = {Pair(1, COURSE): "blocked_by_filter"}
    assert site.one(right()) == Result("completed", "ok")
    assert site.entitlements[KEY].run == ""
    site.refusals = {KEY._replace(order_key="shop:o2"): "blocked_by_filter"}
    assert site.one(right("o2")) == Result("failed", "blocked_by_filter")


@pytest.mark.parametrize("lacking", ["course_uuid", "mode"])
def test_an_entitlement_without_course_or_mode_is_an_unknown_product(site: Site, lacking: str) -> None:
    assert site.one(right(**{lacking: None})) == Result("failed", "unknown_product")
    assert site.one(give_back("o1")) == Result("skipped", "refund_before_paid")


def test_a_platform_without_entitlements_does_not_support_them(site: Site) -> None:
    class Without(Site):
        def load(self, *group: Any) -> Any:
            book = super().load(*group)
            book.entitlements = {}
            return book

    assert Without().one(right()) == Result("failed", "unsupported_product")


def test_r15_a_failed_one_is_retried(site: Site) -> None:
    site.refusals = {KEY: "blocked_by_filter"}
    site.tell(right())
    site.refusals = {}
    assert site.one((resume("o1")[0], {**resume("o1")[1], "is_retry": True})) == Result("completed", "ok")


def test_r02_a_changed_buyer_is_a_changed_line(site: Site) -> None:
    site.tell(right())
    assert site.one(right(who={"lms_user_id": 2})) == Result("completed", "line_changed")
    assert list(site.entitlements) == [KEY]


def test_r25_keep_keeps_it_although_somebody_else_changed_the_enrollment(site: Site) -> None:
    site.set("audit")
    site.runs = {(1, UUID): (COURSE,)}
    site.tell(right())
    site.set("honor")
    assert site.one(give_back("o1", access_hint="keep")) == Result("retained", "mode_changed_since", "honor", "honor")
    assert not site.entitlements[KEY].is_expired


def test_r41_an_entitlement_that_the_platform_refuses_names_its_learner(site: Site) -> None:
    site.refusals = {KEY: "blocked_by_filter"}
    site.tell(right())
    assert (site.grant().pair, site.decision.lines[0].lms_user_id) == (Pair(1, ""), 1)
    site.refusals = {}
    site.tell(give_back("o2"), right("o2"))
    assert (site.grant("o2").state, site.grant("o2").pair) == ("skipped", Pair(1, ""))


def test_what_is_written_of_an_entitlement(site: Site) -> None:
    book = site.load(right())
    decide(*right(), book, site.learner, site.policy, site.now)
    assert book.entitled == {KEY: EntitlementChange(KEY, True, "")}
    site.tell(right())
    book = site.load(give_back("o1"))
    decide(*give_back("o1"), book, site.learner, site.policy, site.now)
    assert book.entitled == {KEY: EntitlementChange(KEY, False, "")}
