"""Reasons, policy and facts: closed, complete and checked."""
from __future__ import annotations

import pytest

from consumers.fulfillment.rules.decide import decide
from consumers.fulfillment.rules.decision import Decision
from consumers.fulfillment.rules.desired import desired
from consumers.fulfillment.rules.facts import Needs
from consumers.fulfillment.rules.policy import Policy, Source, strictest
from consumers.fulfillment.rules.purchase import content_digest
from consumers.fulfillment.rules.reasons import REASONS, is_known
from consumers.fulfillment.rules.state import Access, Book, Grant, Learner, Pair

from .site import COURSE, OTHER, Site, at, buy, line, order

CONTRACT = [
    "ok", "course_not_found", "course_key_invalid", "mode_not_found", "mode_expired", "course_full",
    "enrollment_closed", "blocked_by_filter", "learner_unidentified", "learner_not_found", "identity_conflict",
    "learner_retired", "learner_embargoed", "account_not_active", "unknown_product", "unsupported_product",
    "nothing_to_fulfill", "quantity_unsupported", "credit_provider_missing", "source_not_allowed",
    "schema_invalid", "line_changed", "better_mode_held", "duplicate_purchase", "already_enrolled",
    "refund_before_paid", "amount_only_refund", "quantity_remaining", "other_grant", "certificate_issued",
    "mode_changed_since", "grant_not_found", "test_order", "access_kept", "discarded", "released_by_learner",
    "database_unavailable", "content_store_unavailable", "internal_error",
]


def test_the_reasons_are_those_of_the_contract_in_its_order() -> None:
    assert list(REASONS) == CONTRACT


@pytest.mark.parametrize("code", CONTRACT)
def test_each_reason_says_what_to_do(code: str) -> None:
    reason = REASONS[code]
    assert all(text.endswith((".", ".”")) for text in (reason.meaning, reason.operator, reason.store))
    for outcome in reason.outcomes:
        action, _, word = outcome.partition(" ")
        assert action in ("fulfill", "revoke")
        assert word in ("completed", "deferred", "failed", "skipped", "revoked", "retained")


def test_a_sites_own_codes_are_known_by_their_prefix() -> None:
    assert is_known("x_out_of_stock")
    assert is_known("ok")
    assert not is_known("out_of_stock")


@pytest.mark.parametrize("choices", [
    {"refund_policy": "gently"}, {"refund_policy": ""}, {"certificate_policy": "ask"},
    {"sources": {"shop": Source(refund_policy="gently")}},
])
def test_a_policy_refuses_what_it_does_not_know(choices: dict) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        Policy(**choices)


def test_an_unknown_source_has_the_sites_policy() -> None:
    assert Policy(refund_policy="keep").hint("stranger", "default") == "keep"


def test_the_strictest_hint_is_a_semilattice() -> None:
    words = ["", "keep", "default", "downgrade", "deactivate"]
    for left in words:
        assert strictest(left, left) == left
        for right in words:
            assert strictest(left, right) == strictest(right, left)


def test_a_missing_fact_is_an_error_never_a_guess() -> None:
    with pytest.raises(KeyError):
        decide(*buy("o1"), Book(), lambda who: Learner("found", 1), Policy(sources={"shop": Source()}), at(2026))
    with pytest.raises(KeyError):
        decide("org.openedx.learning.other.v1", {}, Book(), lambda who: Learner("unknown"), Policy(), at(2026))


def test_an_event_of_an_unknown_order_that_is_only_about_lines_says_nothing() -> None:
    assert Site().deliver(("internal.order.resume.v1", {"order_key": "shop:o9"})) == [Decision()]


def test_needs_of_a_group_are_collected() -> None:
    needs = Needs()
    needs.add(*order("o1", {"lms_user_id": 1}, [line("a", COURSE, "verified"), {**line("b", "", ""), "sku": "ABC"},
                                               {**line("c", OTHER, "x"), "product_kind": "donation"},
                                               line("d", COURSE, "")]), None)
    assert (needs.courses, needs.skus) == ({COURSE}, {"ABC"})
    needs.sold({"ABC": (OTHER, "honor")})
    assert needs.pairs(lambda who: Learner("found", 1)) == {Pair(1, COURSE), Pair(1, OTHER)}
    assert needs.pairs(lambda who: Learner("unknown")) == set()


def test_needs_name_what_the_ledger_knows_of_an_order() -> None:
    site = Site()
    site.tell(buy("o1"), buy("o2", "audit"))
    needs = Needs()
    needs.add("org.openedx.commerce.order.refunded.v1", {"lines": []}, site.orders["shop:o1"])
    assert needs.known == {Pair(1, COURSE)}


def test_the_digest_of_a_line_is_stable() -> None:
    assert content_digest(line("a", COURSE, "verified")).hex() == (
        "90af4621d539c7cad20442c12af300632330a1a9a0504569ba190e208e3b0ab6")


def test_desired_is_a_pure_function() -> None:
    access = Access(Pair(1, COURSE), "audit", grants=[
        Grant("shop:o1", "a", "active", mode="verified", quantity=1, found="lower")])
    worth = Policy().worth
    assert desired(access, {"audit": None}, worth) == desired(access, {"audit": None}, worth) == "verified"
    access.grants[0].state = "failed"
    access.grants[0].found = ""
    assert desired(access, {"audit": None}, worth) == "audit"
