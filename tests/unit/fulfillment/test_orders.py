"""From a paid order to an enrollment and a result, and back."""
from __future__ import annotations

import random

from commerce_events import identity
from consumers.fulfillment.reference.models import ReferenceEnrollment
from tests.unit.fulfillment.site import DEMO, OTHER, Site, line, paid, refund_line, refunded, words


def test_a_paid_line_becomes_an_enrollment_and_a_result(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    (result,) = site.deliver(paid("100", ada))
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert site.seat(bob) is None
    assert {k: result[k] for k in ("outcome", "reason_code", "is_final", "sequence", "attempt", "mode_before")} == {
        "outcome": "completed", "reason_code": "ok", "is_final": True, "attempt": 1, "mode_before": None,
        "sequence": identity.sequence(1, 1),
    }  # fmt: skip
    assert (result["lms_user_id"], result["course_key"], result["mode_after"]) == (ada.pk, DEMO, "verified")
    assert (result["order_key"], result["order_number"], result["line_id"]) == ("shop:100", "#100", "1")
    assert result["decided_at"].endswith("+00:00")


def test_a_refund_gives_the_base_back(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    for user in (ada, bob):
        site.set_seat(user, "audit")
    site.deliver(paid("100", ada), paid("101", bob))
    (result,) = site.deliver(refunded("100"))
    assert words([result]) == [("revoked", "ok")]
    assert (result["mode_before"], result["mode_after"], result["refund_id"]) == ("verified", "audit", "r1")
    assert (site.seat(ada), site.seat(bob)) == ("audit", "verified")


def test_a_refund_of_a_new_enrollment_unenrolls(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    (result,) = site.deliver(refunded("100"))
    assert words([result]) == [("revoked", "ok")]
    assert result["is_active_after"] is False
    assert site.seat(ada) is None


def test_a_refund_that_comes_first_leaves_a_tombstone(site: Site) -> None:
    ada = site.user("ada")
    assert words(site.deliver(refunded("100"))) == [("retained", "grant_not_found")]
    assert words(site.deliver(paid("100", ada))) == [("skipped", "refund_before_paid")]
    assert site.seat(ada) is None
    assert site.stream("shop:100").closed


def test_a_line_refund_that_comes_first_leaves_the_others(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(refunded("100", refund_line("2")))
    assert words(site.deliver(paid("100", ada, line("1"), line("2", OTHER)))) == [
        ("completed", "ok"), ("skipped", "refund_before_paid"),
    ]  # fmt: skip
    assert site.seats() == {(ada.pk, DEMO): "verified"}


def test_duplicates_in_any_order_change_nothing(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    events = [paid("100", ada), paid("101", bob), refunded("101"), paid("102", ada, line(course_key=OTHER))]
    many = [event for event in events for _ in range(10)]
    random.Random(7).shuffle(many)
    for event in many:
        site.deliver(event)
    assert site.seats() == {(ada.pk, DEMO): "verified", (ada.pk, OTHER): "verified"}
    sequences = [row["sequence"] for row in site.results() if row["order_key"] == "shop:100"]
    assert sequences == [identity.sequence(1, 1)]


def test_two_orders_for_one_learner_and_course(site: Site) -> None:
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada))) == [("completed", "ok")]
    assert words(site.deliver(paid("101", ada))) == [("completed", "duplicate_purchase")]
    assert words(site.deliver(refunded("100"))) == [("retained", "other_grant")]
    assert site.seat(ada) == "verified"
    assert words(site.deliver(refunded("101"))) == [("revoked", "ok")]
    assert site.seat(ada) is None


def test_two_orders_for_one_learner_and_course_in_one_group(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.receive(paid("100", ada), paid("101", ada), paid("102", bob), refunded("101"))
    site.work()
    assert site.seats() == {(ada.pk, DEMO): "verified", (bob.pk, DEMO): "verified"}
    assert site.grant("101").refunded_total == 0
    assert site.grant("101").is_full


def test_a_full_course_holds_the_line_until_a_person_retries(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.course("course-v1:edX+Small+2026", ["verified"], capacity=1)
    small = line(course_key="course-v1:edX+Small+2026")
    assert words(site.deliver(paid("100", ada, small))) == [("completed", "ok")]
    assert words(site.deliver(paid("101", bob, small))) == [("deferred", "course_full")]
    assert site.grant("101").state == "held"
    site.deliver(refunded("100"))
    resume = ("internal.order.resume.v1", {"order_key": "shop:101", "line_ids": ["1"]})
    assert words(site.deliver(resume)) == [("completed", "ok")]
    assert site.seat(bob, "course-v1:edX+Small+2026") == "verified"


def test_the_last_seat_is_not_sold_twice_within_a_group(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.course("course-v1:edX+Small+2026", ["verified"], capacity=1)
    small = line(course_key="course-v1:edX+Small+2026")
    site.receive(paid("100", ada, small, line("2")), paid("101", bob, small, line("2")))
    site.work()
    assert sorted(words(site.results())) == [
        ("completed", "ok"), ("completed", "ok"), ("completed", "ok"), ("deferred", "course_full"),
    ]  # fmt: skip
    assert len([key for key in site.seats() if "Small" in key[1]]) == 1
    for order_id in ("100", "101"):
        numbers = [row["sequence"] for row in site.results() if row["order_key"] == f"shop:{order_id}"]
        assert numbers == [identity.sequence(1, n) for n in (1, 2)], "a decision that was taken back leaves no hole"


def test_a_test_order_is_skipped(site: Site) -> None:
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada, is_test=True))) == [("skipped", "test_order")]
    assert site.seats() == {}


def test_an_unknown_source_is_refused(site: Site) -> None:
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada, source="elsewhere"))) == [("failed", "source_not_allowed")]
    assert site.seats() == {}


def test_an_unknown_course_fails_for_good(site: Site) -> None:
    ada = site.user("ada")
    gone = line(course_key="course-v1:edX+Gone+2026")
    (result,) = site.deliver(paid("100", ada, gone))
    assert words([result]) == [("failed", "course_not_found")]
    assert result["is_final"]
    assert site.grant("100").state == "failed"


def test_order_ids_that_look_alike_stay_apart(site: Site) -> None:
    users = {}
    for i, order_id in enumerate(["a1B2", "a1b2", "a1b2 ", "ä1b2", "a1ß2", "a1ss2", "a1b2\u0301"]):
        users[order_id] = site.user(f"user{i}")
        assert words(site.deliver(paid(order_id, users[order_id]))) == [("completed", "ok")]
    site.deliver(refunded("a1b2"))
    assert [order_id for order_id, user in users.items() if site.seat(user) is None] == ["a1b2"]


def test_line_ids_that_look_alike_stay_apart(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada, line("x"), line("X ", OTHER)))
    site.deliver(refunded("100", refund_line("X ")))
    assert site.seats() == {(ada.pk, DEMO): "verified"}


def test_somebody_else_changed_the_seat(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.set_seat(ada, "honor")
    assert words(site.deliver(refunded("100"))) == [("retained", "mode_changed_since")]
    assert site.seat(ada) == "honor"
    assert site.grant("100").state == "overridden"
    assert site.access(ada).base == "honor"


def test_another_order_overrides_grants_of_the_first(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.set_seat(ada, None)
    assert words(site.deliver(paid("101", ada))) == [("completed", "ok")]
    assert site.grant("100").state == "overridden"
    assert words(site.deliver(refunded("100"))) == [("retained", "mode_changed_since")]
    assert site.seat(ada) == "verified"


def test_a_new_line_under_a_higher_revision(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    assert words(site.deliver(paid("100", ada, line("1"), line("2", OTHER), revision=1))) == [("completed", "ok")]
    assert site.stream("shop:100").revision == 1
    assert words(site.deliver(paid("100", ada, line("1", mode="audit"), revision=2))) == [("completed", "line_changed")]
    assert site.seats() == {(ada.pk, DEMO): "verified", (ada.pk, OTHER): "verified"}


def test_an_enrollment_names_the_order_line_that_gives_it(site: Site) -> None:
    ada = site.user("ada")

    def named() -> tuple[str, str, str]:
        row = ReferenceEnrollment.objects.get(lms_user_id=ada.pk)
        return row.order_key, row.order_number, row.line_id

    site.deliver(paid("100", ada, line("x", mode="audit")))
    assert named() == ("shop:100", "#100", "x")
    site.deliver(paid("101", ada, line("y", mode="verified")))
    assert named() == ("shop:101", "#101", "y")
    site.deliver(refunded("101"))
    assert site.seat(ada) == "audit"
    assert named() == ("shop:100", "#100", "x")
