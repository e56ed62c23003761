"""Purchases: R1, R2, R7–R17, R33, R36–R40, R42."""
from __future__ import annotations

from datetime import timedelta

import pytest

from consumers.fulfillment.rules import nothing
from consumers.fulfillment.rules.policy import Source
from consumers.fulfillment.rules.state import Pair

from .site import COURSE, OTHER, Result, Site, at, buy, give_back, line, order


@pytest.fixture
def site() -> Site:
    return Site()


def test_r01_the_same_event_again_changes_nothing_and_says_nothing(site: Site) -> None:
    site.tell(buy("o1"))
    assert site.tell(buy("o1")) == []
    assert (site.holds(), site.states) == ("verified", ["active"])


def test_r02_a_new_line_on_a_known_order_acts_alone(site: Site) -> None:
    first, second = line("a", COURSE, "verified"), line("b", OTHER, "honor")
    site.tell(order("o1", {"lms_user_id": 1}, [first]))
    assert site.tell(order("o1", {"lms_user_id": 1}, [first, second], revision=1)) == [
        Result("completed", "ok", None, "honor")]
    assert site.orders["shop:o1"].revision == 1


def test_r02_an_unchanged_line_under_a_higher_revision_gives_no_result(site: Site) -> None:
    site.tell(buy("o1"))
    assert site.tell(buy("o1", revision=7)) == []


def test_r02_an_older_revision_does_not_lower_the_one_we_saw(site: Site) -> None:
    site.tell(buy("o1", revision=3), buy("o2", revision=1), buy("o1", revision=2))
    assert site.orders["shop:o1"].revision == 3


@pytest.mark.parametrize("changed", [
    buy("o1", "professional"),
    buy("o1", "verified", 2),
    order("o1", {"lms_user_id": 1}, [line("a", OTHER, "verified")]),
    buy("o1", user=2),
    order("o1", {"lms_user_id": 1}, [{**line("a", COURSE, "verified"), "beneficiary": {"lms_user_id": 2}}]),
], ids=["mode", "quantity", "course", "buyer", "beneficiary"])
def test_r02_a_changed_line_is_never_applied_and_raises_an_alarm(site: Site, changed: object) -> None:
    """◆"""
    site.tell(buy("o1"))
    assert site.one(changed) == Result("completed", "line_changed", "verified", "verified")
    assert [tuple(alarm) for alarm in site.decision.alarms] == [("line_changed", "shop:o1", "a")]
    assert (site.holds(), site.holds(2), site.holds(1, OTHER)) == ("verified", None, None)


def test_r02_a_changed_line_that_failed_repeats_its_failure(site: Site) -> None:
    site.course(exists=False)
    site.tell(buy("o1"))
    assert site.one(buy("o1", "honor")) == Result("failed", "line_changed")


def test_r02_a_learner_who_cannot_be_found_any_more_is_no_change(site: Site) -> None:
    site.account(5, "learner@example.com")
    lines = [line("a", COURSE, "verified")]
    site.tell(order("o1", {"email": "learner@example.com"}, lines))
    assert site.tell(order("o1", {"email": "former@example.com"}, lines, revision=1)) == []


@pytest.mark.parametrize("seat", [None, "inactive"])
def test_r07_no_enrollment_or_an_inactive_one_is_enrolled_in_the_paid_mode(site: Site, seat: str | None) -> None:
    if seat:
        site.set(None)
    assert site.one(buy("o1")) == Result("completed", "ok", None, "verified")
    result = site.decision.lines[0]
    assert (result.lms_user_id, result.course_key, result.quantity, result.seats_used) == (1, COURSE, 1, 1)
    assert (site.holds(), site.holds(2), site.holds(1, OTHER)) == ("verified", None, None)


def test_r08_a_lower_mode_is_upgraded(site: Site) -> None:
    site.set("audit")
    assert site.one(buy("o1")) == Result("completed", "ok", "audit", "verified")


def test_r09_the_same_mode_without_a_grant_of_ours_is_recorded_and_kept_by_its_refund(site: Site) -> None:
    site.set("verified")
    assert site.one(buy("o1")) == Result("completed", "already_enrolled", "verified", "verified")
    assert site.one(give_back("o1")) == Result("retained", "already_enrolled", "verified", "verified")
    assert site.states == ["refunded"]


def test_r09_its_refund_is_answered_before_a_certificate_is_asked_for(site: Site) -> None:
    site.set("verified")
    site.certified = {Pair(1, COURSE)}
    assert site.one(buy("o1"), give_back("o1")).reason == "already_enrolled"


def test_r10_the_same_mode_through_another_order_is_a_second_grant(site: Site) -> None:
    site.tell(buy("o1"))
    assert site.one(buy("o2")) == Result("completed", "duplicate_purchase", "verified", "verified")
    assert site.states == ["active", "active"]


def test_r10_two_learners_in_one_course_are_no_duplicates(site: Site) -> None:
    assert site.one(buy("o1"), buy("o2", user=2)) == Result("completed", "ok", None, "verified")


def test_r11_a_better_mode_is_never_lowered_by_a_purchase(site: Site) -> None:
    site.set("masters")
    assert site.one(buy("o1")) == Result("completed", "better_mode_held", "masters", "masters")
    assert site.one(give_back("o1")) == Result("retained", "better_mode_held", "masters", "masters")


def test_r11_a_base_above_the_grants_survives_any_purchases_and_refunds(site: Site) -> None:
    """◆ no grant ever moves the base"""
    site.set("masters")
    site.tell(buy("o1"), buy("o2", "professional"), give_back("o2"), give_back("o1"))
    assert (site.holds(), site.accesses[Pair(1, COURSE)].base) == ("masters", "masters")


WINDOW = {"enrollment_start": at(2025), "enrollment_end": at(2025, 12)}


@pytest.mark.parametrize(("paid_at", "facts", "completed"), [
    ("2025-06-01T00:00:00+00:00", WINDOW, True),
    ("2026-01-01T00:00:00+00:00", WINDOW, False),
    ("2024-01-01T00:00:00+00:00", WINDOW, False),
    ("2026-01-01T00:00:00+00:00", {"enrollment_start": at(2026)}, True),
    ("2025-01-01T00:00:00+00:00", {"enrollment_start": at(2026)}, True),  # open now
    ("2026-01-01T00:00:00+00:00", {"invitation_only": True}, False),
])
def test_r12_a_closed_window_counts_unless_paid_inside_it(paid_at: str, facts: dict, completed: bool) -> None:
    site = Site(source=Source(force_enrollment=False))
    site.course(**facts)
    assert site.one(buy("o1", paid_at=paid_at)) == (
        Result("completed", "ok", None, "verified") if completed else Result("failed", "enrollment_closed"))


def test_r12_a_source_forces_enrollment_by_default_and_an_upgrade_needs_no_window(site: Site) -> None:
    site.course(invitation_only=True)
    assert site.one(buy("o1")).outcome == "completed"
    strict = Site(source=Source(force_enrollment=False))
    strict.course(invitation_only=True)
    strict.set("audit")
    assert strict.one(buy("o1")).outcome == "completed"


@pytest.mark.parametrize(("days", "outcome"), [(-1, "completed"), (1, "completed"), (3, "failed")])
def test_r13_a_mode_may_expire_after_it_was_paid_or_within_the_grace(days: int, outcome: str) -> None:
    site = Site(mode_grace=timedelta(days=2))
    site.course(modes={"verified": at(2025, 12, 1)})
    paid_at = (at(2025, 12, 1) + timedelta(days=days)).isoformat()
    result = site.one(buy("o1", paid_at=paid_at))
    assert (result.outcome, result.reason) == (outcome, "ok" if outcome == "completed" else "mode_expired")


def test_r13_a_deadline_still_ahead_does_not_matter(site: Site) -> None:
    site.course(modes={"verified": at(2030)})
    assert site.one(buy("o1")).outcome == "completed"


def test_r14_a_full_course_waits_for_a_person_and_resumes(site: Site) -> None:
    site.course(is_full=True)
    assert site.one(buy("o1")) == Result("deferred", "course_full")
    assert (site.states, site.holds()) == (["held"], None)


def test_r14_a_learner_who_has_a_seat_takes_none(site: Site) -> None:
    site.tell(buy("o1"))
    site.set("audit", 2)
    site.course(is_full=True)
    assert site.one(buy("o2", "professional")) == Result("completed", "ok", "verified", "professional")
    assert site.one(buy("o3", user=2)) == Result("completed", "ok", "audit", "verified")


@pytest.mark.parametrize(("facts", "reason"), [
    ({"exists": False}, "course_not_found"),
    ({"exists": False, "key_is_valid": False}, "course_key_invalid"),
    ({"modes": {"audit": None}}, "mode_not_found"),
])
def test_r15_an_unknown_course_or_mode_is_permanent(site: Site, facts: dict, reason: str) -> None:
    site.course(**facts)
    assert site.one(buy("o1")) == Result("failed", reason)
    assert site.decision.lines[0].lms_user_id == 1
    assert site.tell(buy("o1", revision=1)) == []


def test_r15_a_mode_the_rank_does_not_know_is_held(site: Site) -> None:
    site.course(modes={"executive-education": None})
    assert site.one(buy("o1", "executive-education")) == Result("deferred", "mode_not_found")


def test_a_base_the_rank_does_not_know_is_never_touched(site: Site) -> None:
    site.set("executive-education")
    assert site.one(buy("o1")) == Result(
        "deferred", "mode_not_found", "executive-education", "executive-education")
    site.tell(give_back("o1", access_hint="deactivate"))
    assert site.holds() == "executive-education"


@pytest.mark.parametrize(("refusal", "result"), [
    ("blocked_by_filter", Result("failed", "blocked_by_filter")),
    ("course_full", Result("deferred", "course_full")),
])
def test_r16_what_the_platform_refuses_is_decided_again_as_a_fact(site: Site, refusal: str, result: Result) -> None:
    site.refusals = {Pair(1, COURSE): refusal}
    assert site.one(buy("o1")) == result
    assert (site.holds(), site.grant().found) == (None, "")


def test_r16_a_refusal_does_not_touch_a_line_that_changes_nothing(site: Site) -> None:
    site.set("verified")
    site.refusals = {Pair(1, COURSE): "blocked_by_filter"}
    assert site.one(buy("o1")).reason == "already_enrolled"


def test_r17_one_seat_of_several_is_given_and_the_rest_reported(site: Site) -> None:
    assert site.one(buy("o1", quantity=3)) == Result("completed", "quantity_unsupported", None, "verified")
    result = site.decision.lines[0]
    assert (result.quantity, result.seats_used) == (3, 1)


def test_a_gift_enrolls_the_beneficiary(site: Site) -> None:
    site.tell(order("o1", {"lms_user_id": 1}, [{**line("a", COURSE, "verified"), "beneficiary": {"lms_user_id": 2}}]))
    assert (site.holds(1), site.holds(2)) == (None, "verified")


def test_r36_a_test_order_is_ignored_unless_the_source_may_send_them(site: Site) -> None:
    assert site.one(buy("o1", is_test=True)) == Result("skipped", "test_order")
    assert site.one(give_back("o1", is_test=True)) == Result("skipped", "test_order")
    assert site.one(give_back("o1")) == Result("skipped", "test_order")
    allowed = Site(source=Source(allow_test=True))
    assert allowed.one(buy("o1", is_test=True)).outcome == "completed"


def test_r37_an_unknown_source_is_refused_with_an_alarm() -> None:
    site = Site()
    assert site.one(buy("o1", source="stranger")) == Result("failed", "source_not_allowed")
    assert site.decision.alarms[0].reason_code == "source_not_allowed"
    assert site.one(buy("o2", source="stranger", is_test=True)) == Result("skipped", "test_order")


def test_r38_an_embargoed_learner_is_not_enrolled(site: Site) -> None:
    site.embargoed = {Pair(1, COURSE)}
    site.course(is_full=True)
    assert site.one(buy("o1")) == Result("failed", "learner_embargoed")


@pytest.mark.parametrize("kind", ["donation", "other"])
def test_r39_a_product_without_access_is_skipped(site: Site, kind: str) -> None:
    bought = order("o1", {"email": "learner@example.com"}, [
        {"line_id": "a", "product_kind": kind, "course_key": None, "mode": None, "quantity": 1}])
    assert site.one(bought) == Result("skipped", "nothing_to_fulfill")
    assert site.one(give_back("o1")) == Result("skipped", "nothing_to_fulfill")


def test_r40_a_credit_seat_needs_its_provider(site: Site) -> None:
    assert site.one(buy("o1", "credit")) == Result("failed", "credit_provider_missing")
    bought = order("o2", {"lms_user_id": 1}, [{**line("a", COURSE, "credit"), "credit_provider": "asu"}])
    assert site.one(bought) == Result("completed", "ok", None, "credit")


@pytest.mark.parametrize(("fields", "result"), [
    ({"sku": "ABC123"}, Result("completed", "ok", None, "honor")),
    ({"sku": "nobody's"}, Result("failed", "unknown_product")),
    ({}, Result("failed", "unknown_product")),
    ({"course_key": COURSE}, Result("failed", "unknown_product")),
])
def test_r42_a_sku_stands_for_one_course_and_mode(site: Site, fields: dict, result: Result) -> None:
    site.skus = {"ABC123": (COURSE, "honor")}
    bought = order("o1", {"lms_user_id": 1}, [{"line_id": "a", "product_kind": "course_seat", "quantity": 1, **fields}])
    assert site.one(bought) == result
    assert site.one(give_back("o1")).outcome == ("revoked" if result.outcome == "completed" else "skipped")


def test_a_kind_without_a_module_is_unsupported(site: Site) -> None:
    bought = order("o1", {"lms_user_id": 1}, [{**line("a", COURSE, "verified"), "product_kind": "x_workshop"}])
    assert site.one(bought) == Result("failed", "unsupported_product")
    assert site.one(give_back("o1")) == Result("skipped", "refund_before_paid")


def test_a_site_may_add_a_module_for_its_own_kind() -> None:
    site = Site(modules={"x_workshop": nothing})
    bought = order("o1", {"lms_user_id": 1}, [{**line("a", COURSE, "verified"), "product_kind": "x_workshop"}])
    assert site.one(bought) == Result("skipped", "nothing_to_fulfill")
    assert site.tell(bought) == []
