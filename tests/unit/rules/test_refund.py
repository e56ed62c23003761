"""Refunds: R18–R28, R30–R32."""
from __future__ import annotations

import pytest

from consumers.fulfillment.rules.policy import Source
from consumers.fulfillment.rules.state import WHOLE_ORDER, Pair

from .site import COURSE, OTHER, Result, Site, buy, give_back, line, order, refund, refund_line, resume


@pytest.fixture
def site() -> Site:
    return Site()


TWO_LINES = order("o1", {"lms_user_id": 1}, [line("a", COURSE, "verified"), line("b", OTHER, "verified")])
EVERYTHING = refund("o1", "r1", is_full=True)


def test_r18_a_refund_before_its_order_leaves_a_tombstone_and_the_line_is_never_enrolled(site: Site) -> None:
    assert site.one(give_back("o1")) == Result("retained", "grant_not_found")
    assert site.one(buy("o1")) == Result("skipped", "refund_before_paid")
    assert (site.states, site.holds()) == (["skipped"], None)


def test_r18_the_tombstone_of_a_whole_order_reaches_every_line(site: Site) -> None:
    assert site.one(EVERYTHING) == Result("retained", "grant_not_found")
    assert site.decision.lines[0].line_id is None
    assert site.tell(TWO_LINES) == [Result("skipped", "refund_before_paid")] * 2
    assert site.grants["shop:o1", WHOLE_ORDER].is_full
    assert site.orders["shop:o1"].closed


def test_r18_a_partial_refund_before_paid_is_remembered(site: Site) -> None:
    site.tell(give_back("o1", 1))
    assert site.one(buy("o1", quantity=2)).outcome == "completed"
    assert site.one(give_back("o1", 2, "r2")) == Result("revoked", "ok", "verified", None)


def test_r18_a_line_that_a_partial_refund_names_after_a_full_one_is_reversed_too(site: Site) -> None:
    """◆"""
    site.tell(EVERYTHING, give_back("o1", 1, "r2"))
    assert site.one(buy("o1", quantity=2)) == Result("skipped", "refund_before_paid")


def test_r18_kept_access_is_access_whichever_came_first(site: Site) -> None:
    """◆"""
    site.tell(give_back("o1", access_hint="keep"))
    assert site.one(buy("o1")) == Result("completed", "access_kept", None, "verified")
    assert site.one(buy("o2", user=2), give_back("o2", access_hint="keep")) == Result(
        "retained", "access_kept", "verified", "verified")
    assert site.states == ["kept", "kept"]


def test_r18_the_hint_of_a_refund_before_paid_reaches_the_base(site: Site) -> None:
    """◆"""
    site.set("audit")
    site.tell(give_back("o1", access_hint="deactivate"))
    assert site.one(buy("o1")) == Result("skipped", "refund_before_paid", "audit", None)


def test_r18_a_refund_before_paid_of_a_line_that_would_have_failed_moves_nothing(site: Site) -> None:
    site.set("audit")
    site.course(modes={"audit": None})
    site.tell(give_back("o1", access_hint="deactivate"))
    assert site.one(buy("o1")) == Result("skipped", "refund_before_paid", "audit", "audit")


def test_r18_a_refund_before_paid_of_a_product_nobody_knows(site: Site) -> None:
    nameless = {"line_id": "a", "product_kind": "course_seat", "quantity": 1}
    assert site.one(give_back("o1"), order("o1", {"lms_user_id": 1}, [nameless])) == Result(
        "skipped", "refund_before_paid")


@pytest.mark.parametrize("problem", [{"exists": False}, {"modes": {"audit": None}}])
def test_r18b_the_refund_of_a_failed_line_is_skipped(site: Site, problem: dict) -> None:
    site.course(**problem)
    site.set("audit")
    site.tell(buy("o1"))
    assert site.one(give_back("o1", access_hint="deactivate")) == Result(
        "skipped", "refund_before_paid", "audit", "audit")
    assert site.one(resume("o1"), EVERYTHING).outcome == "skipped"


def test_r18b_the_refund_of_a_held_line_ends_the_wait_and_says_so_for_both_actions(site: Site) -> None:
    site.course(is_full=True)
    site.tell(buy("o1"))
    assert site.tell(give_back("o1")) == [Result("skipped", "refund_before_paid")] * 2
    assert [result.action for result in site.decision.lines] == ["fulfill", "revoke"]
    site.course(is_full=False)
    assert site.tell(resume("o1")) == []
    assert site.holds() is None


def test_r18b_the_refund_of_a_waiting_line_ends_the_wait(site: Site) -> None:
    site.tell(order("o1", {"email": "learner@example.com"}, [line("a", COURSE, "verified")]))
    assert site.tell(give_back("o1")) == [Result("skipped", "refund_before_paid")] * 2
    assert site.grant().learner is None
    site.account(3, "learner@example.com")
    assert site.tell(resume("o1")) == []


def test_r18b_a_refund_that_overtakes_the_resumption_ends_as_if_it_had_not(site: Site) -> None:
    """◆"""
    site.tell(order("o1", {"email": "learner@example.com"}, [line("a", COURSE, "verified")]))
    site.account(3, "learner@example.com")
    assert site.tell(give_back("o1", access_hint="keep")) == [
        Result("completed", "access_kept", None, "verified"), Result("retained", "access_kept", "verified", "verified")]
    assert site.holds(3) == "verified"


def test_r18b_the_same_for_a_line_that_waited_for_room(site: Site) -> None:
    site.course(is_full=True)
    site.tell(buy("o1"))
    site.course(is_full=False)
    assert site.tell(give_back("o1", access_hint="keep"))[0] == Result("completed", "access_kept", None, "verified")
    assert site.holds() == "verified"


def test_r18b_a_failed_line_that_was_refunded_cannot_be_retried(site: Site) -> None:
    site.course(exists=False)
    site.tell(buy("o1"), give_back("o1"))
    assert site.states == ["skipped"]
    site.course(exists=True)
    again = resume("o1")[0], {**resume("o1")[1], "is_retry": True}
    assert site.tell(again) == []
    assert site.holds() is None


def test_r18b_a_smaller_refund_changes_nothing(site: Site) -> None:
    site.course(is_full=True)
    site.tell(buy("o1", quantity=2))
    assert site.one(give_back("o1", 1)) == Result("retained", "quantity_remaining")
    assert site.states == ["held"]


def test_r19_a_full_refund_revokes_every_line(site: Site) -> None:
    site.tell(TWO_LINES)
    assert site.tell(EVERYTHING) == [Result("revoked", "ok", "verified", None)] * 2
    assert site.states == ["refunded", "refunded"]


def test_r19_a_closed_order_takes_no_new_lines(site: Site) -> None:
    site.tell(buy("o1"), EVERYTHING)
    later = order("o1", {"lms_user_id": 1}, [line("b", OTHER, "verified")], revision=1)
    assert site.one(later) == Result("skipped", "refund_before_paid")


def test_r19_lines_refunded_one_by_one_do_not_close_an_order(site: Site) -> None:
    site.tell(buy("o1"), give_back("o1"))
    later = order("o1", {"lms_user_id": 1}, [line("b", OTHER, "verified")], revision=1)
    assert site.one(later).outcome == "completed"


def test_r20_a_partial_refund_touches_only_its_lines(site: Site) -> None:
    """A partial refund must not remove every course of the order."""
    site.tell(TWO_LINES)
    assert site.one(refund("o1", "r1", [refund_line("b", 1)])) == Result("revoked", "ok", "verified", None)
    assert (site.holds(), site.holds(1, OTHER)) == ("verified", None)


def test_r20_a_seat_goes_when_too_little_quantity_remains(site: Site) -> None:
    site.tell(buy("o1", quantity=3))
    assert site.one(give_back("o1", 2)) == Result("retained", "quantity_remaining", "verified", "verified")
    assert site.one(give_back("o1", 3, "r2")) == Result("revoked", "ok", "verified", None)


def test_r21_an_amount_only_refund_changes_no_access(site: Site) -> None:
    site.tell(buy("o1"))
    assert site.one(refund("o1", "r1")) == Result("retained", "amount_only_refund")
    assert site.decision.lines[0].line_id is None
    assert site.one(refund("o9", "r1")) == Result("retained", "grant_not_found")


def test_r22_another_grant_keeps_the_learner_in(site: Site) -> None:
    """Cancelling a duplicate order must not remove a paying learner."""
    site.tell(buy("o1"), buy("o2"))
    assert site.one(give_back("o1")) == Result("retained", "other_grant", "verified", "verified")
    assert site.one(give_back("o2")) == Result("revoked", "ok", "verified", None)


def test_r22_the_best_remaining_mode_is_kept(site: Site) -> None:
    site.tell(buy("o1", "honor"), buy("o2", "professional"), buy("o3"))
    assert site.one(give_back("o2")) == Result("revoked", "other_grant", "professional", "verified")


def test_r22_the_grant_of_another_learner_or_course_keeps_nobody_in(site: Site) -> None:
    site.tell(buy("o1"), buy("o2", user=2), order("o3", {"lms_user_id": 1}, [line("a", OTHER, "verified")]))
    assert site.one(give_back("o1")) == Result("revoked", "ok", "verified", None)
    assert (site.holds(2), site.holds(1, OTHER)) == ("verified", "verified")


def test_r23_what_somebody_else_changed_is_left_alone(site: Site) -> None:
    site.tell(buy("o1"))
    site.set("honor")
    assert site.one(give_back("o1")) == Result("retained", "mode_changed_since", "honor", "honor")
    assert (site.states, site.grant().refunded_total) == (["overridden"], 1)


def test_r23_the_new_base_survives_later_purchases_and_older_hints(site: Site) -> None:
    """◆ older grants and hints count no more"""
    site.set("audit")
    site.tell(buy("o1"), give_back("o1", access_hint="deactivate"))
    site.set("honor")
    site.tell(buy("o2"))
    assert site.one(give_back("o2")) == Result("revoked", "ok", "verified", "honor")


def test_r23_a_learner_unenrolled_by_staff_is_not_enrolled_again_by_a_refund_of_another_order(site: Site) -> None:
    site.tell(buy("o1"), buy("o2", "professional"))
    site.set(None)
    assert site.one(give_back("o2")) == Result("retained", "mode_changed_since")
    assert site.holds() is None


def test_r24_a_certificate_holds_the_refund_until_a_person_decides(site: Site) -> None:
    site.tell(buy("o1"))
    site.certified = {Pair(1, COURSE)}
    assert site.one(give_back("o1")) == Result("deferred", "certificate_issued", "verified", "verified")
    assert site.grant().is_live
    assert site.one(give_back("o1", 1, "r2")).reason == "certificate_issued"
    approved = resume("o1")[0], {**resume("o1")[1], "line_ids": ["a"], "refund_id": "r1", "is_approved": True}
    assert site.one(approved) == Result("revoked", "ok", "verified", None)


@pytest.mark.parametrize(("policy", "result", "state"), [
    ("revoke", Result("revoked", "ok", "verified", None), "refunded"),
    ("keep", Result("retained", "certificate_issued", "verified", "verified"), "kept"),
])
def test_r24_the_site_may_choose_otherwise(policy: str, result: Result, state: str) -> None:
    site = Site(certificate_policy=policy)
    site.tell(buy("o1"))
    site.certified = {Pair(1, COURSE)}
    assert site.one(give_back("o1")) == result
    assert site.states == [state]


def test_r24_nothing_is_held_when_nothing_would_be_lost(site: Site) -> None:
    site.tell(buy("o1"))
    site.certified = {Pair(1, COURSE)}
    assert site.one(give_back("o1", access_hint="keep")).reason == "access_kept"


def test_r25_the_base_comes_back(site: Site) -> None:
    site.set("audit")
    site.tell(buy("o1"))
    assert site.one(give_back("o1")) == Result("revoked", "ok", "verified", "audit")


@pytest.mark.parametrize(("hint", "base", "after"), [
    ("default", None, None), ("default", "honor", "honor"),
    ("downgrade", None, "audit"), ("downgrade", "honor", "audit"),
    ("deactivate", None, None), ("deactivate", "honor", None),
])
@pytest.mark.parametrize("said_by", ["refund", "site", "source"])
def test_r25_policy_and_hint_say_what_is_left(hint: str, base: str | None, after: str | None, said_by: str) -> None:
    """◆ the configured policies map to the same four as the hints"""
    site = Site(refund_policy=hint if said_by == "site" else "default",
                source=Source(refund_policy=hint if said_by == "source" else ""))
    if base:
        site.set(base)
    result = site.one(buy("o1"), give_back("o1", access_hint=hint if said_by == "refund" else "default"))
    assert result == Result("revoked", "ok", "verified", after)


def test_r25_a_hint_overrides_the_policy() -> None:
    site = Site(refund_policy="deactivate")
    assert site.one(buy("o1"), give_back("o1", access_hint="keep")).reason == "access_kept"


@pytest.mark.parametrize("hints", [("keep", "deactivate"), ("deactivate", "keep")])
def test_r25_the_strictest_hint_counts_whatever_the_order(site: Site, hints: tuple[str, str]) -> None:
    """◆"""
    site.set("audit")
    site.tell(buy("o1"), *(give_back("o1", 1, f"r{n}", access_hint=hint) for n, hint in enumerate(hints)))
    assert site.holds() is None


@pytest.mark.parametrize("hint", ["default", "downgrade"])
def test_r25_a_mode_that_is_gone_cannot_be_given_back(hint: str) -> None:
    site = Site(["verified"])
    site.set("audit")
    assert site.one(buy("o1"), give_back("o1", access_hint=hint)) == Result("revoked", "ok", "verified", None)


def test_r25_a_mode_that_is_gone_stays_as_long_as_nothing_was_above_it() -> None:
    site = Site(["verified"])
    site.set("masters")
    assert site.one(buy("o1"), give_back("o1")) == Result("retained", "better_mode_held", "masters", "masters")
    site.set("audit", 2)
    site.tell(buy("o2", user=2))
    assert site.holds(2) == "verified"


def test_r25_the_mode_the_learner_held_before_stays_although_the_course_dropped_it(site: Site) -> None:
    site.set("verified")
    site.tell(buy("o1"))
    site.course(modes={"audit": None})
    assert site.one(give_back("o1")) == Result("retained", "already_enrolled", "verified", "verified")


def test_r25_a_refusal_of_the_platform_holds_the_refund(site: Site) -> None:
    site.tell(buy("o1"))
    site.refusals = {Pair(1, COURSE): "blocked_by_filter"}
    assert site.one(give_back("o1")) == Result("deferred", "blocked_by_filter", "verified", "verified")
    assert (site.states, site.holds()) == (["held"], "verified")
    site.refusals = {}
    retry = resume("o1")[0], {**resume("o1")[1], "line_ids": ["a"], "refund_id": "r1"}
    assert site.one(retry) == Result("revoked", "ok", "verified", None)


def test_r26_an_upgrade_refunded_gives_the_base_back(site: Site) -> None:
    site.set("honor")
    assert site.one(buy("o1"), give_back("o1")) == Result("revoked", "ok", "verified", "honor")
    assert site.decision.lines[0].is_active_after


def test_r27_bought_again_after_a_refund(site: Site) -> None:
    site.tell(buy("o1"), give_back("o1"))
    assert site.one(buy("o2")) == Result("completed", "ok", None, "verified")
    site.tell(give_back("o1"))
    assert (site.holds(), site.states) == ("verified", ["refunded", "active"])


def test_r28_two_refunds_of_one_line_in_either_order(site: Site) -> None:
    """◆ cumulative totals merge by max"""
    first, second = give_back("o1", 1, "r1"), give_back("o1", 2, "r2")
    site.tell(buy("o1", quantity=3), second, first)
    assert (site.grant().refunded_total, site.holds()) == (2, "verified")
    assert site.one(give_back("o1", 3, "r3")).outcome == "revoked"
    assert site.one(first) == Result("revoked", "ok", None, None)


def test_r31_a_refund_of_an_unknown_grant_is_reported(site: Site) -> None:
    site.set("verified")
    assert site.one(_named("o1")) == Result("retained", "grant_not_found")
    assert site.holds() == "verified"


def _named(order_id: str, mode: str = "verified", user: int | None = 1, total: int = 1, **fields: object) -> object:
    return refund(order_id, "r1", [{**refund_line("a", total, ordered=1), "course_key": COURSE, "mode": mode}],
                  learner={"lms_user_id": user}, **fields)


@pytest.mark.parametrize(("event", "result"), [
    (_named("o1"), Result("revoked", "grant_not_found", "verified", None)),
    (_named("o1", access_hint="downgrade"), Result("revoked", "grant_not_found", "verified", "audit")),
    (_named("o1", access_hint="keep"), Result("retained", "access_kept", "verified", "verified")),
    (_named("o1", "honor"), Result("retained", "grant_not_found")),
    (_named("o1", user=9), Result("retained", "grant_not_found")),
    (_named("o1", total=0), Result("retained", "grant_not_found")),
    (give_back("o1", learner={"lms_user_id": 1}), Result("retained", "grant_not_found")),
])
def test_r31_by_the_sites_choice_it_acts_on_what_the_event_names(event: object, result: Result) -> None:
    site = Site(revoke_unknown_grants=True)
    site.set("verified")
    assert site.one(event) == result
    assert site.one(event).outcome == "retained"


def test_r31_the_choice_respects_live_grants_certificates_and_refusals() -> None:
    site = Site(revoke_unknown_grants=True)
    site.tell(buy("o1"))
    assert site.one(_named("o2")) == Result("retained", "grant_not_found")
    site.set("verified", 2)
    site.certified = {Pair(2, COURSE)}
    assert site.one(_named("o3", user=2)) == Result("retained", "certificate_issued", "verified", "verified")
    site.certified = set()
    site.refusals = {Pair(2, COURSE): "blocked_by_filter"}
    assert site.one(_named("o4", user=2)) == Result("retained", "grant_not_found")
    site.refusals = {}
    assert site.one(_named("o4", user=2)).outcome == "revoked"
    assert site.one(buy("o4", user=2)) == Result("skipped", "refund_before_paid")


def test_r32_a_chargeback_reverses_the_whole_order_and_asks_for_no_certificate(site: Site) -> None:
    site.tell(TWO_LINES)
    site.certified = {Pair(1, COURSE)}
    back = refund("o1", "r1", [refund_line("a", 1)], refund_kind="chargeback")
    assert site.tell(back) == [Result("revoked", "ok", "verified", None)] * 2
    assert site.orders["shop:o1"].closed


def test_r32_unless_the_site_wants_the_hold() -> None:
    site = Site(chargeback_certificate_hold=True)
    site.tell(buy("o1"))
    site.certified = {Pair(1, COURSE)}
    assert site.one(refund("o1", "r1", refund_kind="chargeback")).reason == "certificate_issued"


def test_r36_r37_refunds_pass_the_same_gate(site: Site) -> None:
    assert site.one(refund("o1", "r1", is_test=True)) == Result("skipped", "test_order")
    assert site.one(refund("o1", "r1", source="stranger")) == Result("failed", "source_not_allowed")
    assert site.decision.alarms
    assert site.one(give_back("o1", source="stranger")) == Result("failed", "source_not_allowed")
    assert site.one(buy("o1")).outcome == "completed"  # nothing was folded


def test_a_second_refund_of_a_line_refunded_before_it_was_paid(site: Site) -> None:
    site.set("audit")
    site.tell(give_back("o1"), buy("o1"))
    assert site.one(give_back("o1", 1, "r2", access_hint="deactivate")) == Result(
        "skipped", "refund_before_paid", "audit", None)


def test_a_refused_second_refund_of_such_a_line_is_reported_and_the_line_stays_skipped(site: Site) -> None:
    site.set("audit")
    site.tell(give_back("o1"), buy("o1"))
    site.refusals = {Pair(1, COURSE): "blocked_by_filter"}
    assert site.one(give_back("o1", 1, "r2", access_hint="deactivate")).outcome == "deferred"
    assert (site.states, site.holds()) == (["skipped"], "audit")
