"""What a person sees of an order, and what a person may ask for."""
from __future__ import annotations

from consumers.fulfillment import api
from consumers.fulfillment.reference.models import ReferenceEnrollment
from tests.unit.fulfillment.site import DEMO, OTHER, Site, learner, line, paid, refunded


def test_the_journey_of_an_order(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada), paid("101", bob))
    site.deliver(refunded("100"))
    journey = api.journey("shop", "100")
    assert journey is not None
    assert journey.is_closed
    assert [(row.line_id, row.state, row.lms_user_id) for row in journey.lines] == [("1", "refunded", ada.pk)]
    assert [(step.actor, step.attempt) for step in journey.steps] == [("rules", 1), ("rules", 1)]
    assert [(e.action, e.outcome, e.mode_before, e.mode_after) for step in journey.steps for e in step.effects] == [
        ("fulfill", "completed", None, "verified"), ("revoke", "revoked", "verified", None),
    ]  # fmt: skip
    assert api.journey("shop", "unheard-of") is None


def test_the_lines_of_a_learner_in_a_course(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada), paid("101", ada), paid("102", bob), paid("103", ada, line(course_key=OTHER)))
    assert [row.order_key for row in api.lines_of_learner(ada.pk, DEMO)] == ["shop:100", "shop:101"]


def test_a_person_retries_a_failed_line(site: Site) -> None:
    ada = site.user("ada")
    late = "course-v1:edX+Late+2026"
    site.deliver(paid("100", learner(username="ada"), line(course_key=late)))
    assert site.current("100")["1", "fulfill", None] == ("failed", "course_not_found")
    site.course(late, ["verified"])
    assert api.retry("shop", "100", ["1"], actor="operator")
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert site.seat(ada, late) == "verified"
    journey = api.journey("shop", "100")
    assert journey is not None
    assert journey.steps[-1].actor == "operator"
    assert not api.retry("shop", "unheard-of", ["1"], actor="operator")


def test_a_person_gives_a_waiting_line_up(site: Site) -> None:
    site.deliver(paid("100", learner(email="learner@example.com")))
    assert api.discard("shop", "100", ["1"], actor="operator")
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("failed", "discarded")
    site.user("late", email="learner@example.com")
    site.work()
    assert site.seats() == {}


def test_a_refund_that_a_certificate_holds_waits_for_approval(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    ReferenceEnrollment.objects.update(is_certified=True)
    site.deliver(refunded("100"))
    assert site.current("100")["1", "revoke", "r1"] == ("deferred", "certificate_issued")
    assert site.seat(ada) == "verified"
    assert api.retry("shop", "100", ["1"], "operator", refund_id="r1", is_approved=True)
    site.work()
    assert site.current("100")["1", "revoke", "r1"] == ("revoked", "ok")
    assert site.seat(ada) is None
