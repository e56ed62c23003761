"""Between the store's events: R4, R5, R15's retry, R24's discard, R29, R30."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from consumers.fulfillment.rules.decide import LEARNER_LEFT, LINES_DISCARDED, LINES_EXPIRED, ORDER_RESUME
from consumers.fulfillment.rules.policy import Policy
from consumers.fulfillment.rules.state import Pair

from .site import COURSE, OTHER, Result, Site, buy, give_back, line, order, resume

LATE = order("o1", {"email": "Learner@Example.com"}, [line("a", COURSE, "verified")])


@pytest.fixture
def site() -> Site:
    return Site()


def about(event_type: str, **data: Any) -> Any:
    return event_type, {"order_key": "shop:o1", **data}


def retry(**data: Any) -> Any:
    """A person asks for line ``a`` again."""
    return about(ORDER_RESUME, line_ids=["a"], is_retry=True, **data)


EXPIRED = about(LINES_EXPIRED, line_ids=["a"])
DISCARDED = about(LINES_DISCARDED, line_ids=["a"])
LEFT = about(LEARNER_LEFT, lms_user_id=1, course_key=COURSE, initiator="learner")


def test_r05_a_line_waits_with_its_paid_mode_and_resumes_on_registration(site: Site) -> None:
    assert site.one(LATE) == Result("deferred", "learner_not_found")
    (timer,) = site.decision.timers
    assert (timer.due_at - site.now, timer.line_id) == (timedelta(days=180), "a")
    assert site.tell(resume("o1")) == []  # still nobody: nothing new to tell, no second timer
    assert site.decision.timers == []
    site.account(3, "learner@example.com")
    assert site.one(resume("o1")) == Result("completed", "ok", None, "verified")
    assert site.grant().learner is None


def test_r05_an_event_that_names_the_buyer_better_resumes_too(site: Site) -> None:
    site.tell(LATE)
    later = order("o1", {"lms_user_id": 1}, [line("a", COURSE, "verified")], revision=1)
    assert site.one(later) == Result("completed", "ok", None, "verified")


def test_r05_a_waiting_gift_is_not_given_to_somebody_else(site: Site) -> None:
    gift = {**line("a", COURSE, "verified"), "beneficiary": {"email": "learner@example.com"}}
    site.tell(order("o1", {"lms_user_id": 2}, [gift]))
    other = {**gift, "beneficiary": {"lms_user_id": 1}}
    assert site.one(order("o1", {"lms_user_id": 2}, [other])) == Result("deferred", "line_changed")
    assert site.tell(order("o1", {"lms_user_id": 2}, [gift], revision=1)) == []
    assert site.holds() is None


def test_r05_the_wait_ends_as_failed_after_its_time(site: Site) -> None:
    site.tell(LATE)
    assert site.one(EXPIRED) == Result("failed", "learner_not_found")
    assert site.states == ["failed"]
    assert site.tell(EXPIRED) == []


def test_r05_the_last_look_may_still_find_the_learner(site: Site) -> None:
    site.tell(LATE)
    site.account(3, "learner@example.com")
    assert site.one(EXPIRED).outcome == "completed"


def test_r04_an_unactivated_account_proves_nothing_about_its_email(site: Site) -> None:
    site.account(3, "learner@example.com", is_active=False)
    assert site.one(LATE) == Result("deferred", "account_not_active")
    site.account(3, "learner@example.com")
    assert site.one(resume("o1")) == Result("completed", "ok", None, "verified")


def test_the_reason_of_a_wait_may_change(site: Site) -> None:
    site.tell(LATE)
    site.account(3, "learner@example.com", is_active=False)
    assert site.one(resume("o1")) == Result("deferred", "account_not_active")


@pytest.mark.parametrize(("who", "reason"), [
    ({}, "learner_unidentified"),
    ({"lms_user_id": 1, "username": "two"}, "identity_conflict"),
    ({"email": "retired@example.com"}, "learner_retired"),
])
def test_r03_r06_who_cannot_be_enrolled_fails(site: Site, who: dict, reason: str) -> None:
    site.account(2, username="two")
    site.account(4, "retired@example.com", is_retired=True)
    assert site.one(order("o1", who, [line("a", COURSE, "verified")])) == Result("failed", reason)


def test_r14_a_held_line_resumes_when_there_is_room(site: Site) -> None:
    site.course(is_full=True)
    site.tell(buy("o1"))
    assert site.tell(resume("o1")) == []
    site.course(is_full=False)
    assert site.one(resume("o1")) == Result("completed", "ok", None, "verified")


def test_r15_failed_lines_are_retried_only_by_a_person(site: Site) -> None:
    site.course(exists=False)
    site.tell(buy("o1"))
    site.course(exists=True)
    assert site.tell(resume("o1")) == []
    assert site.tell(about(ORDER_RESUME, line_ids=["b"], is_retry=True)) == []
    assert site.one(retry()) == Result("completed", "ok", None, "verified")


def test_r15_a_retry_whose_learner_the_ledger_forgot_needs_the_order(site: Site) -> None:
    bought = order("o1", {"username": "one"}, [line("a", COURSE, "verified")])
    site.account(2, "learner@example.com", "one")
    event_type, data = order("o1", {"username": "one", "email": "learner@example.com"}, [line("a", COURSE, "verified")])
    site.account(3, "learner@example.com")
    assert site.one((event_type, data)) == Result("failed", "identity_conflict")
    assert site.tell(retry()) == []
    assert site.one(retry(learner={"lms_user_id": 2})).outcome == "completed"
    assert site.holds(2) == "verified"
    assert bought[0] == event_type


def test_r37_a_retry_waits_until_the_source_is_allowed(site: Site) -> None:
    policy, site.policy = site.policy, Policy()
    assert site.one(buy("o1")) == Result("failed", "source_not_allowed")
    again = retry(order=buy("o1")[1])
    assert site.tell(again) == []
    site.policy = policy
    assert site.one(again) == Result("completed", "ok", None, "verified")


def test_r02_a_retry_does_not_apply_what_changed(site: Site) -> None:
    site.course(exists=False)
    site.tell(buy("o1"))
    site.course(exists=True)
    assert site.one(retry(order=buy("o1", "professional", user=2)[1])) == Result("completed", "ok", None, "verified")
    assert (site.holds(), site.holds(2)) == ("verified", None)


def test_r42_a_retry_with_the_stored_order_finds_the_product(site: Site) -> None:
    bought = order("o1", {"lms_user_id": 1}, [
        {"line_id": "a", "product_kind": "course_seat", "sku": "ABC", "quantity": 1},
        {"line_id": "b", "product_kind": "donation", "quantity": 1}])
    site.tell(bought)
    site.skus = {"ABC": (COURSE, "verified")}
    assert site.tell(retry()) == []
    assert site.tell(retry(order={**bought[1], "lines": bought[1]["lines"][1:]})) == []
    assert site.one(retry(order=bought[1])) == Result("completed", "ok", None, "verified")


def test_a_retry_of_a_kind_still_without_module_says_nothing(site: Site) -> None:
    workshop = {**line("a", COURSE, "verified"), "product_kind": "x_workshop"}
    site.tell(order("o1", {"lms_user_id": 1}, [workshop]))
    assert site.tell(retry(learner={"lms_user_id": 1})) == []


def test_a_person_may_discard_what_waits_or_is_held(site: Site) -> None:
    site.tell(LATE)
    assert site.one(DISCARDED) == Result("failed", "discarded")
    site.course(is_full=True)
    site.tell(buy("o2"))
    assert site.one((LINES_DISCARDED, {"order_key": "shop:o2"})) == Result("failed", "discarded")
    assert site.tell(DISCARDED) == []


def test_a_discarded_held_refund_keeps_the_access(site: Site) -> None:
    site.tell(buy("o1"))
    site.certified = {Pair(1, COURSE)}
    site.tell(give_back("o1"))
    assert site.one(about(LINES_DISCARDED, line_ids=["a"], refund_id="r1")) == Result(
        "retained", "discarded", "verified", "verified")
    assert site.decision.lines[0].refund_id == "r1"
    assert site.states == ["kept"]


def test_a_held_refund_that_somebody_else_made_moot_is_answered_when_a_person_asks(site: Site) -> None:
    site.tell(buy("o1"), buy("o2", "honor"))
    site.certified = {Pair(1, COURSE)}
    site.tell(give_back("o2"), give_back("o1"))
    site.set("audit")
    assert site.one(about(ORDER_RESUME, line_ids=["a"], refund_id="r1", is_approved=True)) == Result(
        "retained", "mode_changed_since", "audit", "audit")
    assert site.one(about(LINES_DISCARDED, line_ids=["a"], refund_id="r1")) == Result(
        "retained", "discarded", "audit", "audit")
    assert site.states == ["overridden", "overridden"]
    assert site.tell(about(ORDER_RESUME), about(LINES_DISCARDED)) == []


def test_r29_a_learner_who_leaves_releases_the_grant_and_a_refund_is_requested(site: Site) -> None:
    site.tell(buy("o1"))
    site.set(None)
    assert site.one(LEFT) == Result("completed", "released_by_learner")
    assert [tuple(request) for request in site.decision.requests] == [("a", 1, COURSE, "verified", "learner")]
    assert site.states == ["released"]
    assert site.tell(buy("o1", revision=1)) == []
    assert site.holds() is None


def test_r29_each_order_of_the_learner_is_released(site: Site) -> None:
    site.tell(buy("o1"), buy("o2"))
    site.set(None)
    site.tell(LEFT, (LEARNER_LEFT, {**LEFT[1], "order_key": "shop:o2"}))
    assert site.states == ["released", "released"]


def test_r29_somebody_who_holds_what_we_set_has_not_left(site: Site) -> None:
    site.tell(buy("o1"))
    assert site.tell(LEFT) == []
    assert site.states == ["active"]


def test_r29_other_courses_and_learners_and_refunded_lines_are_not_released(site: Site) -> None:
    site.tell(buy("o1"))
    site.set(None)
    assert site.tell((LEARNER_LEFT, {**LEFT[1], "course_key": OTHER})) == []
    assert site.tell((LEARNER_LEFT, {**LEFT[1], "lms_user_id": 2})) == []
    site.tell(give_back("o1"))
    assert site.tell(LEFT) == []
    assert site.tell((LEARNER_LEFT, {**LEFT[1], "order_key": "shop:unknown"})) == []


def test_r30_a_refund_after_that_finds_nothing_to_revoke(site: Site) -> None:
    site.tell(buy("o1"))
    site.set(None)
    site.tell(LEFT)
    site.set("audit")  # came back as an auditor
    assert site.one(give_back("o1")) == Result("revoked", "ok", "audit", "audit")
    assert site.holds() == "audit"


def test_r29_bought_again_after_leaving(site: Site) -> None:
    site.tell(buy("o1"))
    site.set(None)
    site.tell(buy("o2"))  # overtakes the news that the learner left
    assert site.one(LEFT) == Result("completed", "released_by_learner", "verified", "verified")
    assert (site.states, site.holds()) == (["released", "active"], "verified")


def test_r29_of_an_order_with_several_lines_only_the_seat_that_was_left_is_released(site: Site) -> None:
    site.tell(order("o1", {"lms_user_id": 1}, [
        {"line_id": "d", "product_kind": "donation", "quantity": 1}, line("b", OTHER, "verified"),
        {**line("c", COURSE, "verified"), "beneficiary": {"lms_user_id": 2}}, line("a", COURSE, "verified")]))
    site.set(None)
    assert site.one(LEFT) == Result("completed", "released_by_learner")
    assert site.decision.lines[0].line_id == "a"
    assert sorted(site.states) == ["active", "active", "released", "skipped"]


def test_r15_a_retry_with_the_order_serves_the_beneficiary(site: Site) -> None:
    site.course(exists=False)
    gift = {**line("a", COURSE, "verified"), "beneficiary": {"lms_user_id": 2}}
    bought = order("o1", {"lms_user_id": 1}, [gift])
    site.tell(bought)
    site.course(exists=True)
    assert site.one(retry(order=bought[1])).outcome == "completed"
    assert (site.holds(1), site.holds(2)) == (None, "verified")


@pytest.mark.parametrize("hint", ["keep", "default"])
def test_a_refund_that_is_settled_is_not_decided_again_for_what_was_kept_or_released(site: Site, hint: str) -> None:
    site.tell(buy("o1"))
    if hint == "default":
        site.set(None)
        site.tell(LEFT)
    site.tell(give_back("o1", access_hint=hint))
    assert site.tell(retry(refund_id="r1")) == []
