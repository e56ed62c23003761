"""Entitlements, as the gateway reads and writes them (R41)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import outside
import pytest
from common.djangoapps.entitlements.models import CourseEntitlement, CourseEntitlementPolicy
from common.djangoapps.student.models import CourseEnrollment
from django.db import transaction

from commerce_events.exceptions import TransientError
from consumers.fulfillment.gateway import Change, Entitlement, EntitlementChange, EntitlementKey
from consumers.fulfillment.platform.gateway import PlatformGateway
from consumers.fulfillment.rules.state import Pair, Seat
from tests.platform.site import DEMO, KEY, LmsSite

COURSE = "7a1f4d7e-6c43-4f0e-9f0b-0e5f1f0b2c11"
LATER = "course-v1:edX+Demo+2027"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def key(site: LmsSite) -> EntitlementKey:
    """A learner's order line; the course has two runs."""
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    site.course(LATER)
    CourseOverview.objects.update(start=STARTED)
    outside.catalog[COURSE] = [DEMO, LATER, "course-v1:edX+Demo+old"]
    return EntitlementKey(site.user("ada").pk, COURSE, "verified", "shop:100", "1")


def look(key: EntitlementKey) -> Entitlement:
    gateway = PlatformGateway()
    gateway.begin()
    return gateway.entitlements([key])[key]


def apply(*changes: EntitlementChange) -> None:
    gateway = PlatformGateway()
    with transaction.atomic():
        gateway.begin()
        assert gateway.apply_entitlements(changes) == {}


def test_a_learner_without_an_enrollment_has_nothing_to_upgrade(key: EntitlementKey) -> None:
    assert look(key) == Entitlement()


def test_runs_in_which_the_learner_is_enrolled_can_be_upgraded(key: EntitlementKey, site: LmsSite) -> None:
    other = site.user("bob")
    site.set_seat(other, "audit", DEMO)
    assert look(key).runs == ()
    site.set_seat(key.lms_user_id, None, DEMO)
    ada = _user(key)
    site.set_seat(ada, "audit", LATER)
    assert look(key).runs == (LATER,)
    site.set_seat(ada, "audit", DEMO)
    assert look(key).runs == (DEMO, LATER)
    site.set_seat(ada, None, DEMO)
    assert look(key).runs == (LATER,)


def test_a_run_that_no_longer_sells_the_mode_cannot_be_upgraded(key: EntitlementKey, site: LmsSite) -> None:
    site.set_seat(_user(key), "audit", DEMO)
    assert look(key._replace(mode="professional")).runs == ()


def test_created_once_locked_and_spent_on_a_run(key: EntitlementKey, site: LmsSite) -> None:
    site.set_seat(_user(key), "verified", DEMO)
    policy = CourseEntitlementPolicy.objects.create(mode="verified", expiration_period=timedelta(days=9))
    CourseEntitlementPolicy.objects.create(mode="professional")
    for _ in range(2):
        apply(EntitlementChange(key, True, DEMO))
    row = CourseEntitlement.objects.get()
    assert (row.user_id, row.course_uuid, row.mode) == (key.lms_user_id, UUID(COURSE), "verified")
    assert row.order_number == "shop:100:1"
    assert (row.refund_locked, row._policy, row.expired_at) == (True, policy, None)
    assert row.enrollment_course_run == CourseEnrollment.objects.get(course_id=KEY)
    asked = len(outside.heard("catalog"))
    assert look(key) == Entitlement(exists=True, run=DEMO)
    assert len(outside.heard("catalog")) == asked, "nobody needs the runs of one that is there"


def test_without_a_run_it_waits_for_the_learners_choice(key: EntitlementKey) -> None:
    apply(EntitlementChange(key, True))
    assert look(key) == Entitlement(exists=True)
    assert CourseEntitlement.objects.get().enrollment_course_run is None


def test_a_revocation_leaves_the_run_and_asks_nobody_for_money(key: EntitlementKey, site: LmsSite) -> None:
    site.set_seat(_user(key), "verified", DEMO)
    apply(EntitlementChange(key, True, DEMO))
    gateway = PlatformGateway()
    with transaction.atomic():
        gateway.begin()
        leave = Change(Pair(key.lms_user_id, DEMO), Seat("verified", True), Seat("verified", False), None)
        assert gateway.apply([leave]) == {}
        assert gateway.apply_entitlements([EntitlementChange(key, False)]) == {}
    found = look(key)
    assert (found.exists, found.is_expired, site.seat(key.lms_user_id)) == (True, True, None)
    assert outside.heard("store") == []
    expired = CourseEntitlement.objects.get().expired_at
    apply(EntitlementChange(key, False))
    assert CourseEntitlement.objects.get().expired_at == expired


def test_expiring_what_is_not_there_changes_nothing(key: EntitlementKey) -> None:
    apply(EntitlementChange(key, False))
    assert not CourseEntitlement.objects.exists()


def test_another_line_or_learner_has_another_entitlement(key: EntitlementKey, site: LmsSite) -> None:
    apply(EntitlementChange(key, True))
    bob = site.user("bob")
    for other in (key._replace(line_id="2"), key._replace(lms_user_id=bob.pk, order_key="SHOP:100")):
        assert not look(other).exists


def test_an_outage_of_the_catalog_is_transient(key: EntitlementKey) -> None:
    outside.failing["catalog"] = ConnectionError()
    with pytest.raises(TransientError):
        look(key)


def _user(key: EntitlementKey) -> object:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(pk=key.lms_user_id)
