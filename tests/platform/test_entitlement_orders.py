"""Orders of entitlements from event to entitlement, enrollment and result, in an LMS (R41)."""
from __future__ import annotations

from datetime import UTC, datetime

import outside
import pytest
from common.djangoapps.entitlements.models import CourseEntitlement
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from tests.platform.site import DEMO, LmsSite
from tests.unit.fulfillment.site import line, paid, refund_line, refunded, words

COURSE = "7a1f4d7e-6c43-4f0e-9f0b-0e5f1f0b2c11"
LATER = "course-v1:edX+Demo+2027"
RIGHT = line(course_key=None, product_kind="course_entitlement", course_uuid=COURSE)
OK = [("completed", "ok")]


@pytest.fixture
def runs(site: LmsSite) -> None:
    """The course has two runs, both begun."""
    site.course(LATER)
    CourseOverview.objects.update(start=datetime(2026, 1, 1, tzinfo=UTC))
    outside.catalog[COURSE] = [DEMO, LATER]


@pytest.mark.usefixtures("runs")
def test_an_entitlement_waits_for_the_learners_choice_and_expires_with_its_refund(site: LmsSite) -> None:
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada, RIGHT))) == OK
    row = CourseEntitlement.objects.get()
    assert (row.user, row.order_number, row.expired_at, row.enrollment_course_run) == (ada, "shop:100:1", None, None)
    assert site.seat(ada) is None
    assert words(site.deliver(refunded("100", refund_line()))) == [("revoked", "ok")]
    assert CourseEntitlement.objects.get().expired_at is not None
    assert outside.heard("store") == []


@pytest.mark.usefixtures("runs")
def test_the_only_run_is_upgraded_and_given_back_with_the_refund(site: LmsSite) -> None:
    ada = site.user("ada")
    site.set_seat(ada, "audit", LATER)
    assert words(site.deliver(paid("100", ada, RIGHT))) == OK
    row = CourseEntitlement.objects.get()
    assert str(row.enrollment_course_run.course_id) == LATER
    assert (site.seat(ada, LATER), site.seat(ada, DEMO)) == ("verified", None)
    assert words(site.deliver(refunded("100", refund_line()))) == [("revoked", "ok")]
    assert site.seat(ada, LATER) == "audit"
    assert CourseEntitlement.objects.get().expired_at is not None


@pytest.mark.usefixtures("runs")
def test_two_entitlements_of_one_learner_do_not_meet(site: LmsSite) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    other = {**RIGHT, "course_uuid": "7a1f4d7e-6c43-4f0e-9f0b-0e5f1f0b2c12"}
    results = site.deliver(paid("100", ada, RIGHT), paid("101", ada, other), paid("102", bob, RIGHT))
    assert words(results) == OK * 3
    assert CourseEntitlement.objects.filter(user=ada, expired_at=None).count() == 2
    site.deliver(refunded("101"))
    site.deliver(refunded("101"), paid("100", ada, RIGHT))
    left = CourseEntitlement.objects.filter(expired_at=None).order_by("order_number")
    assert [row.order_number for row in left] == ["shop:100:1", "shop:102:1"]


@pytest.mark.usefixtures("runs")
def test_one_that_the_learner_spent_is_followed(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada, RIGHT))
    site.set_seat(ada, "verified", DEMO)
    row = CourseEntitlement.objects.get()
    row.enrollment_course_run = row.user.courseenrollment_set.get()
    row.save()
    assert words(site.deliver(refunded("100"))) == [("revoked", "ok")]
    assert site.seat(ada) is None
    assert CourseEntitlement.objects.get().expired_at is not None
