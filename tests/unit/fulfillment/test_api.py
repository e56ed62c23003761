"""What a person sees of an order, and what a person may ask for."""
from __future__ import annotations

from collections.abc import Collection, Mapping

from consumers.fulfillment import api
from consumers.fulfillment.reference.gateway import ReferenceGateway
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


def test_a_held_refund_that_a_person_gives_up_keeps_the_access(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    ReferenceEnrollment.objects.update(is_certified=True)
    site.deliver(refunded("100"))
    assert api.discard("shop", "100", ["1"], "operator", refund_id="r1")
    site.work()
    assert site.current("100")["1", "revoke", "r1"] == ("retained", "discarded")
    assert (site.seat(ada), site.grant("100").state) == ("verified", "kept")
    assert not api.discard("shop", "unheard-of", ["1"], "operator")


def test_everything_that_failed_for_one_reason_is_retried_when_it_is_mended(site: Site) -> None:
    """R15"""
    ada, bob = site.user("ada"), site.user("bob")
    late, never = "course-v1:edX+Late+2026", "course-v1:edX+Never+2026"
    site.deliver(
        paid("100", ada, line("1", late), line("2", never)),
        paid("101", bob, line("1", late)),
        paid("102", bob, line("1", DEMO, "honor")),
    )
    site.course(late)
    assert api.retry_failed("course_not_found", "operator", late) == ["shop:100", "shop:101"]
    site.work()
    assert site.seats() == {(ada.pk, late): "verified", (bob.pk, late): "verified"}
    assert api.retry_failed("course_not_found", "operator") == ["shop:100"]
    assert api.retry_failed("mode_not_found", "operator") == ["shop:102"]
    site.work()
    assert len(site.seats()) == 2


def test_a_retry_knows_the_lines_of_every_revision(site: Site) -> None:
    """An order may come with new lines alone; what a SKU stood for is in the event that told it."""
    ada = site.user("ada")
    by_sku = line("1", course_key=None, mode=None, sku="ABC")
    site.deliver(paid("100", learner(username="ada"), by_sku), paid("100", ada, line("2", OTHER), revision=1))
    assert site.current("100")["1", "fulfill", None] == ("failed", "unknown_product")

    class Selling(ReferenceGateway):
        def skus(self, skus: Collection[str]) -> Mapping[str, tuple[str, str]]:
            return {"ABC": (DEMO, "verified")}

    site.handler.gateway = Selling()
    assert api.retry("shop", "100", ["1"], "operator")
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert site.seat(ada) == "verified"
