"""Enrollments that another system sold: from then on the ledger knows who holds what by which order."""
from __future__ import annotations

from typing import Any

from consumers.fulfillment.rules.adoption import ADOPTED
from consumers.fulfillment.rules.decide import LEARNER_LEFT, ORDER_ADOPTED
from consumers.fulfillment.rules.state import Pair

from .site import COURSE, OTHER, Result, Site, buy, give_back, line, order, refund


def adopt(order_id: str = "o1", user: int = 1, *courses: str, line_id: str = "a", mode: str = "verified") -> Any:
    lines = [
        {"line_id": line_id if not courses else course_key, "lms_user_id": user, "course_key": course_key,
         "mode": mode, "paid_at": "2025-03-01T00:00:00+00:00"}
        for course_key in courses or (COURSE,)
    ]  # fmt: skip
    return ORDER_ADOPTED, {"order_key": f"shop:{order_id}", "order_number": order_id, "lines": lines}


def sold(mode: str = "verified") -> Site:
    site = Site()
    site.set(mode)
    return site


def test_what_a_learner_holds_enters_the_ledger_and_nothing_is_done_or_told() -> None:
    site = sold()
    assert site.tell(adopt()) == []
    assert (site.states, site.holds()) == (["active"], "verified")
    assert site.grant().paid_at is not None
    assert site.accesses[Pair(1, COURSE)].base is None


def test_a_refund_of_it_takes_it_back() -> None:
    site = sold()
    assert site.one(adopt(), give_back("o1")) == Result("revoked", "ok", "verified", None)
    assert site.holds() is None


def test_a_full_refund_needs_no_line() -> None:
    site = sold()
    site.set("professional", course_key=OTHER)
    site.tell(adopt("o1", 1, COURSE), adopt("o1", 1, OTHER, mode="professional"))
    site.tell(refund("o1", "r1", is_full=True))
    assert (site.holds(), site.holds(course_key=OTHER), site.states) == (None, None, ["refunded", "refunded"])


def test_another_purchase_stands_beside_it() -> None:
    site = sold()
    assert site.one(adopt(), buy("o2")) == Result("completed", "duplicate_purchase", "verified", "verified")
    assert site.one(give_back("o1")) == Result("retained", "other_grant", "verified", "verified")
    assert site.one(give_back("o2")) == Result("revoked", "ok", "verified", None)


def test_two_old_orders_of_one_seat_are_two_grants() -> None:
    site = sold()
    site.tell(adopt("o1"), adopt("o2"))
    assert site.states == ["active", "active"]
    assert site.one(give_back("o1")).outcome == "retained"
    assert site.one(give_back("o2")).outcome == "revoked"


def test_to_adopt_twice_changes_nothing() -> None:
    site = sold()
    site.tell(adopt(), adopt())
    assert site.states == ["active"]


def test_who_holds_something_else_by_now_is_left_alone() -> None:
    for mode in ("audit", "professional", None):
        site = Site()
        site.set(mode)
        assert site.tell(adopt()) == []
        assert (site.states, site.holds()) == ([], mode)


def test_what_was_refunded_before_is_not_adopted() -> None:
    for early in (give_back("o1"), refund("o1", "r1", is_full=True)):
        site = sold()
        site.tell(early, adopt())
        assert "active" not in site.states
        assert site.holds() == "verified"


def test_the_learner_who_leaves_has_a_refund_requested() -> None:
    site = sold()
    site.tell(adopt())
    site.set(None)
    about = {"order_key": "shop:o1", "line_ids": ["a"], "lms_user_id": 1, "course_key": COURSE, "initiator": "learner"}
    assert [result.reason for result in site.tell((LEARNER_LEFT, about))] == ["released_by_learner"]
    assert [request.line_id for request in site.decision.requests] == ["a"]


def test_staff_who_changed_the_seat_since_are_heard() -> None:
    site = sold()
    site.tell(adopt())
    site.set("masters")
    assert site.one(give_back("o1")) == Result("retained", "mode_changed_since", "masters", "masters")


def test_a_store_that_speaks_of_an_adopted_line_is_told_what_the_learner_has() -> None:
    site = sold()
    assert site.one(adopt(), buy("o1", quantity=2)) == Result("completed", "ok", "verified", "verified")
    assert site.grant().content != ADOPTED
    assert site.tell(buy("o1", quantity=2)) == [], "and from then on it is a line as any other"
    assert site.one(buy("o1", quantity=3, revision=1)).reason == "line_changed"


def test_by_a_sku_as_well() -> None:
    site = sold()
    site.skus["SKU"] = COURSE, "verified"
    bought = order("o1", {"lms_user_id": 1}, [{**line("a", "", ""), "course_key": None, "mode": None, "sku": "SKU"}])
    assert site.one(adopt(), bought).reason == "ok"


def test_what_it_says_differently_is_not_applied() -> None:
    site = sold()
    site.tell(adopt())
    assert site.one(buy("o1", "professional")).reason == "line_changed"
    assert site.one(buy("o1", user=2)).reason == "line_changed"
    assert site.one(buy("o1")).reason == "ok"
