"""Enrollments of the store before us enter the ledger: counted first, adopted then, and refunded like any other."""
from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment, CourseEnrollmentAttribute
from django.core.management import CommandError, call_command, load_command_class
from opaque_keys.edx.keys import CourseKey

from consumers.fulfillment import adoption
from consumers.fulfillment.models import Grant
from tests.platform.site import DEMO, LmsSite
from tests.unit.fulfillment.site import paid, refund_line, refunded, words

SECOND = "course-v1:edX+Second+1"


@pytest.fixture
def old(site: LmsSite, settings: Any) -> LmsSite:
    """An LMS whose learners bought in another store."""
    settings.COMMERCE_FULFILLMENT = {
        **settings.COMMERCE_FULFILLMENT, "SOURCES": {"shop": {}},
        "GATEWAY": "consumers.fulfillment.platform.gateway.PlatformGateway",
    }  # fmt: skip
    site.course(SECOND)
    return site


def sell(site: LmsSite, name: str, course_key: str = DEMO, mode: str = "verified", **order: str) -> Any:
    """What the store before us left behind: an enrollment, and attributes of it."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(username=name).first() or site.user(name)
    site.set_seat(user, mode, course_key)
    row = CourseEnrollment.objects.get(user=user, course_id=CourseKey.from_string(course_key))
    for key, value in order.items():
        CourseEnrollmentAttribute.objects.create(enrollment=row, namespace="order", name=key, value=value)
    return user


def adopt(*more: str, **options: Any) -> dict[str, int]:
    said = StringIO()
    call_command("commerce_adopt", "--source", "shop", "--format", "json", *more, stdout=said, **options)
    return {row["what"]: row["enrollments"] for row in json.loads(said.getvalue()) if row["enrollments"]}


def test_the_dry_run_counts_and_changes_nothing(old: LmsSite) -> None:
    sell(old, "ada", order_number="EDX-1", date_placed="2025-01-31T12:00:00Z")
    sell(old, "bob", order_number="EDX-2")
    sell(old, "eve", mode="audit", order_number="EDX-3")
    sell(old, "joe", order_number="X", source_system="another")
    sell(old, "kim", order_number="E" * 129)
    sell(old, "lea")
    assert adopt() == {
        "adopted": 1, "adopted without a date": 1, "not bought": 1, "of another source": 1, "unreadable": 1,
    }  # fmt: skip
    old.work()
    assert not Grant.objects.exists()


def test_what_was_adopted_is_refunded_like_any_other(old: LmsSite) -> None:
    ada = sell(old, "ada", order_number="EDX-1", date_placed="2025-01-31T12:00:00Z")
    before = old.attributes(ada)
    assert adopt("--yes") == {"adopted": 1}
    old.work()
    grant = Grant.objects.get()
    assert (grant.order_key, grant.line_id, grant.state, grant.mode) == ("shop:EDX-1", DEMO, "active", "verified")
    assert grant.paid_at is not None and grant.paid_at.isoformat() == "2025-01-31T12:00:00+00:00"
    assert (old.results(), old.seat(ada), old.attributes(ada)) == ([], "verified", before), "nothing was done or told"
    assert adopt("--yes") == {"known": 1}
    assert words(old.deliver(refunded("EDX-1", refund_line(DEMO)))) == [("revoked", "ok")]
    assert old.seat(ada) is None


def test_an_order_of_two_courses_is_one_order(old: LmsSite) -> None:
    ada = sell(old, "ada", order_number="EDX-1")
    sell(old, "ada", SECOND, order_number="EDX-1")
    adopt("--yes")
    old.work()
    assert sorted(Grant.objects.values_list("line_id", "number")) == [(DEMO, 0), (SECOND, 1)]
    old.deliver(refunded("EDX-1"))
    assert (old.seat(ada), old.seat(ada, SECOND)) == (None, None)


def test_ids_that_a_newer_store_wrote_are_used(old: LmsSite) -> None:
    sell(old, "ada", order_number="7-1", order_id="id-7", line_item_id="line-3", source_system="shop")
    adopt("--yes")
    old.work()
    grant = Grant.objects.get()
    assert (grant.order_key, grant.order_number, grant.line_id) == ("shop:id-7", "7-1", "line-3")


def test_our_own_orders_are_known(old: LmsSite) -> None:
    old.deliver(paid("100", old.user("ada")))
    assert adopt("--yes") == {"known": 1}
    old.work()
    assert Grant.objects.count() == 1


def test_it_goes_on_where_it_was_told_and_takes_small_steps(old: LmsSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "CHUNK", 2)
    for number in range(5):
        sell(old, f"user{number}", order_number=f"EDX-{number}")
    first = CourseEnrollment.objects.order_by("pk").values_list("pk", flat=True)[0]
    assert adopt() == {"adopted without a date": 5}
    assert adopt("--after", str(first)) == {"adopted without a date": 4}


def test_it_is_done_in_shadow_mode_as_well(old: LmsSite) -> None:
    sell(old, "ada", order_number="EDX-1")
    adopt("--yes")
    old.handler.shadow = True
    old.work()
    assert Grant.objects.get().state == "active"


def test_what_cannot_be_meant_is_refused(old: LmsSite) -> None:
    with pytest.raises(CommandError, match="not on the list") as refused:
        call_command("commerce_adopt", "--source", "elsewhere", stdout=StringIO())
    assert refused.value.returncode == 3


def test_help_shows_examples_and_exit_codes() -> None:
    shown = load_command_class("consumers.fulfillment", "commerce_adopt").create_parser("x", "y").format_help()
    assert "--after 120000" in shown and "exit codes" in shown
