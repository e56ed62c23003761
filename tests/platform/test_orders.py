"""Orders from event to enrollment and result, in an LMS."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import outside
import pytest
from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseAccessRole, CourseEnrollment, CourseEnrollmentAttribute, Registration
from lms.djangoapps.certificates.models import GeneratedCertificate
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.embargo.models import RestrictedCourse
from openedx.core.djangoapps.user_api.accounts import views as retirement
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from openedx_filters.learning.filters import CourseEnrollmentStarted, CourseUnenrollmentStarted

from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.state import Pair
from tests.platform.site import DEMO, KEY, LmsSite, filtered, refuse_enrollment, refuse_unenrollment
from tests.unit.fulfillment.site import learner, line, paid, refund_line, refunded, words

OK = [("completed", "ok")]
ATTRIBUTES = {
    "order:order_number": "#100", "order:date_placed": "2026-05-01T11:59:00Z", "order:order_id": "100",
    "order:line_item_id": "1", "order:source_system": "shop",
}  # fmt: skip


def test_paid_becomes_an_enrollment_that_names_its_order(site: LmsSite) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    assert words(site.deliver(paid("100", ada))) == OK
    assert (site.seat(ada), site.seat(bob)) == ("verified", None)
    assert site.attributes(ada) == ATTRIBUTES


def test_an_upgrade_keeps_what_others_wrote_about_the_enrollment(site: LmsSite) -> None:
    ada = site.user("ada")
    site.set_seat(ada, "audit")
    row = CourseEnrollment.objects.get(user=ada)
    CourseEnrollmentAttribute.objects.create(enrollment=row, namespace="credit", name="provider_id", value="hogwarts")
    CourseEnrollmentAttribute.objects.create(enrollment=row, namespace="order", name="order_number", value="old")
    assert words(site.deliver(paid("100", ada))) == OK
    assert site.seat(ada) == "verified"
    assert site.attributes(ada) == {**ATTRIBUTES, "credit:provider_id": "hogwarts"}


def test_a_refund_gives_back_what_was_there_before(site: LmsSite) -> None:
    ada = site.user("ada")
    site.set_seat(ada, "audit")
    site.deliver(paid("100", ada))
    outside.told.clear()
    assert words(site.deliver(refunded("100"))) == [("revoked", "ok")]
    assert site.seat(ada) == "audit"
    assert outside.heard("store") == []


def test_a_refund_deactivates_without_asking_anybody_for_a_refund(site: LmsSite, settings: Any) -> None:
    settings.ECOMMERCE_PUBLIC_URL_ROOT = settings.ECOMMERCE_API_URL = "https://ecommerce.example.com"
    site.mode(DEMO, "professional")
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    CourseEnrollmentAttribute.objects.filter(name="date_placed").update(
        value=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    assert CourseEnrollment.objects.get(user=ada).refundable(), "else nobody would ask for a refund anyway"
    assert words(site.deliver(refunded("100"))) == [("revoked", "ok")]
    assert site.seat(ada) is None
    assert outside.heard("store") == []


def test_bought_again_after_a_refund_the_same_row_is_restored(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.deliver(refunded("100"))
    assert words(site.deliver(paid("101", ada))) == OK
    assert (site.seat(ada), CourseEnrollment.objects.count()) == ("verified", 1)
    assert site.attributes(ada)["order:order_number"] == "#101"


def test_a_full_course_waits_for_a_person(site: LmsSite) -> None:
    site.course("course-v1:edX+Small+1", max_student_enrollments_allowed=1)
    site.set_seat(site.user("first"), "audit", "course-v1:edX+Small+1")
    ada = site.user("ada")
    result = site.deliver(paid("100", ada, line(course_key="course-v1:edX+Small+1")))
    assert words(result) == [("deferred", "course_full")]
    assert site.seat(ada, "course-v1:edX+Small+1") is None


def test_staff_does_not_fill_a_course(lms_site: LmsSite) -> None:
    site = lms_site
    site.course("course-v1:edX+Small+1", max_student_enrollments_allowed=1)
    teacher, ada = site.user("teacher"), site.user("ada")
    small = CourseKey.from_string("course-v1:edX+Small+1")
    CourseAccessRole.objects.create(user=teacher, course_id=small, role="staff")
    site.set_seat(teacher, "audit", str(small))
    assert words(site.deliver(paid("100", ada, line(course_key=str(small))))) == OK


def test_money_that_was_taken_opens_a_closed_course(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    site.course("course-v1:edX+Closed+1", enrollment_end=datetime(2026, 1, 1, tzinfo=UTC), invitation_only=True)
    assert words(site.deliver(paid("100", ada, line(course_key="course-v1:edX+Closed+1")))) == OK


def test_a_closed_course_stays_closed_to_a_store_that_may_not_force(sqlite: Any) -> None:
    site = LmsSite(policy=Policy(sources={"shop": Source(force_enrollment=False)}))
    ada = site.user("ada")
    site.course(DEMO, enrollment_end=datetime(2026, 1, 1, tzinfo=UTC))
    assert words(site.deliver(paid("100", ada))) == [("failed", "enrollment_closed")]
    assert not CourseEnrollment.objects.exists()


def test_a_mode_that_expired_after_it_was_paid_is_given(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    CourseMode.objects.filter(mode_slug="verified").update(_expiration_datetime=datetime(2026, 5, 2, tzinfo=UTC))
    assert words(site.deliver(paid("100", ada))) == OK
    CourseMode.objects.filter(mode_slug="verified").update(_expiration_datetime=datetime(2026, 4, 2, tzinfo=UTC))
    assert words(site.deliver(paid("101", site.user("bob")))) == [("failed", "mode_expired")]


@pytest.mark.parametrize(("course_key", "mode", "reason"), [
    ("course-v1:edX+Missing+1", "verified", "course_not_found"),
    ("not a course", "verified", "course_key_invalid"),
    ("course-v1:edX+Demo+2026+branch@draft", "verified", "course_key_invalid"),
    (DEMO, "professional", "mode_not_found"),
])  # fmt: skip
def test_what_does_not_exist_fails(lms_site: LmsSite, course_key: str, mode: str, reason: str) -> None:
    ada = lms_site.user("ada")
    result = lms_site.deliver(paid("100", ada, line(course_key=course_key, mode=mode)))
    assert words(result) == [("failed", reason)]


def test_a_course_in_another_case_is_another_course(site: LmsSite) -> None:
    ada = site.user("ada")
    result = site.deliver(paid("100", ada, line(course_key=DEMO.replace("Demo", "DEMO"))))
    assert words(result) == [("failed", "course_not_found")]


def test_a_filter_refuses_to_enroll(site: LmsSite, settings: Any) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    with filtered(CourseEnrollmentStarted, refuse_enrollment, settings):
        assert words(site.deliver(paid("100", ada))) == [("failed", "blocked_by_filter")]
    assert not CourseEnrollment.objects.exists()
    assert words(site.deliver(paid("101", bob))) == OK


def test_a_filter_refuses_to_unenroll(site: LmsSite, settings: Any) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    with filtered(CourseUnenrollmentStarted, refuse_unenrollment, settings):
        assert words(site.deliver(refunded("100"))) == [("deferred", "blocked_by_filter")]
    assert site.seat(ada) == "verified"


@pytest.mark.parametrize("change", ["mode", "user", "course"])
def test_what_a_filter_changed_is_taken_back_and_held(site: LmsSite, settings: Any, change: str) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.course("course-v1:edX+Other+1")
    other = {"mode": "audit", "user": bob, "course": CourseKey.from_string("course-v1:edX+Other+1")}[change]
    name = {"course": "course_key"}.get(change, change)
    with filtered(CourseEnrollmentStarted, lambda **said: {**said, name: other}, settings):
        assert words(site.deliver(paid("100", ada))) == [("deferred", "internal_error")]
    assert not CourseEnrollment.objects.exists()


def test_a_learner_without_a_profile_is_held_before_the_platform_is_asked(site: LmsSite) -> None:
    ada = site.user("ada", profile=False)
    assert words(site.deliver(paid("100", ada))) == [("deferred", "internal_error")]
    assert not CourseEnrollment.objects.exists()
    assert outside.told == []


def test_a_downgrade_where_there_is_no_audit_deactivates(site: LmsSite) -> None:
    pro = "course-v1:edX+Pro+1"
    site.course(pro, ["professional"])
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada, line(course_key=pro, mode="professional")))) == OK
    assert words(site.deliver(refunded("100", access_hint="downgrade"))) == [("revoked", "ok")]
    assert site.seat(ada, pro) is None


def test_a_certificate_holds_a_refund(lms_site: LmsSite) -> None:
    site, ada, bob = lms_site, lms_site.user("ada"), lms_site.user("bob")
    site.deliver(paid("100", ada), paid("101", bob))
    GeneratedCertificate.objects.create(user=ada, course_id=KEY, status="downloadable")
    GeneratedCertificate.objects.create(user=bob, course_id=KEY, status="notpassing")
    assert words(site.deliver(refunded("100"))) == [("deferred", "certificate_issued")]
    assert words(site.deliver(refunded("101"))) == [("revoked", "ok")]


def test_an_embargoed_learner_is_refused(lms_site: LmsSite) -> None:
    site = lms_site
    RestrictedCourse.objects.create(course_key=KEY, blocked="XA XB")
    ada, bob = site.user("ada", country="XA"), site.user("bob", country="XC")
    assert words(site.deliver(paid("100", ada))) == [("failed", "learner_embargoed")]
    assert words(site.deliver(paid("101", bob))) == OK


def test_credit_is_a_mode_although_no_page_offers_it(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    site.mode(DEMO, "credit")
    bought = line(mode="credit", credit_provider="hogwarts")
    assert words(site.deliver(paid("100", ada, bought))) == OK
    assert site.seat(ada) == "credit"
    assert site.attributes(ada)["credit:provider_id"] == "hogwarts"


def test_a_sku_is_looked_up_and_must_mean_one_product(site: LmsSite) -> None:
    ada = site.user("ada")
    CourseMode.objects.filter(mode_slug="verified").update(sku="SKU-1")
    sold = line(course_key=None, mode=None, sku="SKU-1")
    assert words(site.deliver(paid("100", ada, sold))) == OK
    other = line(course_key=None, mode=None, sku="sku-1")
    assert words(site.deliver(paid("101", site.user("bob"), other))) == [("failed", "unknown_product")]
    site.course("course-v1:edX+Other+1", [])
    site.mode("course-v1:edX+Other+1", "verified", sku="SKU-1")
    assert words(site.deliver(paid("102", site.user("eve"), sold))) == [("failed", "unknown_product")]


def test_a_course_without_modes_is_offered_in_the_default_mode(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    site.course("course-v1:edX+Free+1", [])
    assert words(site.deliver(paid("100", ada, line(course_key="course-v1:edX+Free+1", mode="audit")))) == OK


def test_an_unknown_overview_is_read_from_the_content_store_and_an_outage_of_it_waits(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    new = "course-v1:edX+New+1"
    outside.courses[new] = {"display_name": "New"}
    site.mode(new, "verified")
    outside.failing["content"] = ConnectionError("no route to host")
    assert words(site.deliver(paid("100", ada, line(course_key=new)))) == [("deferred", "content_store_unavailable")]
    del outside.failing["content"]
    site.later(3600)
    assert (site.seat(ada, new), site.current("100")[("1", "fulfill", None)]) == ("verified", OK[0])


def test_a_learner_is_found_by_e_mail_in_any_case(site: LmsSite) -> None:
    ada = site.user("ada", email="Ada@Example.com")
    assert words(site.deliver(paid("100", learner(email="ADA@example.com")))) == OK
    assert site.seat(ada) == "verified"


def test_an_account_that_is_not_active_waits_for_its_activation(lms_site: LmsSite) -> None:
    site = lms_site
    ada = site.user("ada", is_active=False)
    assert words(site.deliver(paid("100", learner(email=ada.email)))) == [("deferred", "account_not_active")]
    Registration.objects.create(user=ada).activate()
    site.later(60)
    assert site.seat(ada) == "verified"


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
@pytest.mark.parametrize("by", ["id", "name", "email"])
def test_who_retires_is_never_enrolled_again(site: LmsSite, steps: int, by: str) -> None:
    ada = site.user("ada")
    who = {"id": learner(ada.pk), "name": learner(username="ada"), "email": learner(email="ADA@example.com")}[by]
    create_retirement_request_and_deactivate_account(ada)
    for step in [retirement.unenroll, retirement.retire, lambda name: retirement.cleanup([name])][:steps]:
        step("ada")
    if steps == 1:
        ada.refresh_from_db()
    assert words(site.deliver(paid("100", who))) == [("failed", "learner_retired")]
    assert not CourseEnrollment.objects.exists()


def test_a_partial_refund_and_another_grant(site: LmsSite) -> None:
    other = "course-v1:edX+Other+1"
    site.course(other)
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada, line("1"), line("2", other)), paid("101", bob), paid("102", ada))
    assert words(site.deliver(refunded("100", refund_line("1")))) == [("retained", "other_grant")]
    assert words(site.deliver(refunded("100", refund_line("2"), refund_id="r2"))) == [("revoked", "ok")]
    assert (site.seat(ada), site.seat(ada, other), site.seat(bob)) == ("verified", None, "verified")


def test_whether_the_refund_window_is_open(site: LmsSite) -> None:
    ada, bob, eve = site.user("ada"), site.user("bob"), site.user("eve")
    recent = (site.now - timedelta(days=13)).isoformat()
    late = (site.now - timedelta(days=15)).isoformat()
    site.deliver(paid("100", ada, paid_at=recent), paid("101", bob, paid_at=late))
    site.set_seat(eve, "audit")
    pairs = [Pair(user.pk, DEMO) for user in (ada, bob, eve)]
    assert {pair.lms_user_id for pair in site.handler.gateway.within_refund_window(pairs)} == {ada.pk, eve.pk}
