"""The gateway's calls, carried out by the double, or by a checkout that can be imported."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.platform.settings import WHY_NOT

if WHY_NOT:
    pytest.skip(WHY_NOT, allow_module_level=True)

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from django.db import transaction
from openedx.core.djangoapps.enrollments.api import get_enrollment, set_enrollment_attributes

from consumers.fulfillment.gateway import Change, EntitlementChange, EntitlementKey, OrderLine
from consumers.fulfillment.platform import lms
from consumers.fulfillment.platform.gateway import PlatformGateway
from consumers.fulfillment.rules.state import Pair, Seat
from tests.platform.site import DEMO, LmsSite

LINE = OrderLine("shop", "100", "shop:100", "#100", "1", datetime(2026, 5, 1, 11, 59, tzinfo=UTC))
GATEWAY = PlatformGateway()


def apply(pair: Pair, before: Seat | None, after: Seat, line: OrderLine | None = LINE) -> str | None:
    with transaction.atomic():
        GATEWAY.begin()
        refused = GATEWAY.apply([Change(pair, before, after, line)])
        if refused:
            transaction.set_rollback(True)
    return refused.get(pair)


@pytest.mark.parametrize("name", sorted(lms.HOMES))
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(lms, name) is not None


def test_the_life_of_an_enrollment(lms_site: LmsSite) -> None:
    ada = lms_site.user("ada")
    pair, audit, verified = Pair(ada.pk, DEMO), Seat("audit", True), Seat("verified", True)
    assert GATEWAY.seats([pair], lock=False) == {}
    assert apply(pair, None, verified) is None
    assert lms_site.attributes(ada)["order:order_number"] == "#100"
    assert apply(pair, verified, Seat("verified", False)) is None
    with transaction.atomic():
        assert GATEWAY.seats([pair], lock=True) == {pair: Seat("verified", False)}
    assert apply(pair, Seat("verified", False), audit, None) is None
    set_enrollment_attributes("ada", DEMO, [{"namespace": "credit", "name": "provider_id", "value": "hogwarts"}])
    assert apply(pair, audit, verified) is None
    assert lms_site.attributes(ada)["credit:provider_id"] == "hogwarts"
    found = get_enrollment("ada", DEMO)
    assert (found["mode"], found["is_active"]) == ("verified", True)
    assert CourseEnrollment.objects.filter(user=ada).count() == 1
    assert list(GATEWAY.within_refund_window([pair])) in ([], [pair])
    assert list(GATEWAY.certified([pair])) == list(GATEWAY.embargoed([pair])) == []


def test_courses(lms_site: LmsSite) -> None:
    small, missing = "course-v1:edX+Small+1", "course-v1:edX+Missing+1"
    lms_site.course(small, ["verified", "credit"], max_student_enrollments_allowed=1)
    lms_site.set_seat(lms_site.user("first"), "verified", small)
    found = GATEWAY.courses([DEMO, small, missing, "no key"])
    assert (set(found[DEMO].modes), found[DEMO].is_full) == ({"audit", "verified"}, False)
    assert (set(found[small].modes), found[small].is_full) == ({"verified", "credit"}, True)
    assert (found[missing].exists, found["no key"].key_is_valid) == (False, False)
    pair = Pair(lms_site.user("ada").pk, small)
    assert apply(pair, None, Seat("verified", True)) == "course_full"
    assert apply(pair, None, Seat("honor", True)) == "mode_not_found"
    CourseMode.objects.filter(mode_slug="credit").update(sku="SKU-1")
    assert GATEWAY.skus(["SKU-1", "SKU-2"]) == {"SKU-1": (small, "credit")}


def test_accounts(lms_site: LmsSite) -> None:
    ada = lms_site.user("ada", email="Ada@example.com")
    for asked in (([ada.pk], [], []), ([], ["ada"], []), ([], [], ["ada@example.com"])):
        (found,) = GATEWAY.accounts(*asked)
        assert (found.lms_user_id, found.username, found.is_active, found.is_retired) == (ada.pk, "ada", True, False)
    assert GATEWAY.accounts([0], ["nobody"], ["nobody@example.com"]) == []


def test_an_entitlement(lms_site: LmsSite) -> None:
    ada = lms_site.user("ada")
    key = EntitlementKey(ada.pk, "7a1f4d7e-6c43-4f0e-9f0b-0e5f1f0b2c11", "verified", "shop:100", "1")
    for is_active in (True, False):
        with transaction.atomic():
            assert GATEWAY.apply_entitlements([EntitlementChange(key, is_active)]) == {}
        found = GATEWAY.entitlements([key])[key]
        assert (found.exists, found.is_expired, found.run) == (True, not is_active, "")
