"""What learners do in the LMS becomes one row each, never an error of theirs, and in the end what the rules say."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from common.djangoapps.student.models import CourseEnrollment, Registration
from common.djangoapps.student.signals import REFUND_ORDER, UNENROLL_DONE
from common.djangoapps.student.views import change_enrollment
from django.db import connection, transaction
from openedx.core.djangoapps.signals.signals import USER_ACCOUNT_ACTIVATED
from openedx.core.djangoapps.user_api.accounts import views as retirement
from openedx.core.djangoapps.user_api.accounts.signals import (
    USER_RETIRE_LMS_CRITICAL,
    USER_RETIRE_LMS_MISC,
    USER_RETIRE_MAILINGS,
)
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from openedx_events.learning.data import UserData, UserPersonalData
from openedx_events.learning.signals import STUDENT_REGISTRATION_COMPLETED

from commerce_events.models import Inbox
from consumers.fulfillment import checks
from consumers.fulfillment.models import WaitingLine
from consumers.fulfillment.platform import lms
from consumers.fulfillment.signals import handlers
from tests.platform.site import DEMO, KEY, LmsSite
from tests.unit.fulfillment.site import learner, line, paid, words

SMALL = "course-v1:edX+Small+1"


def leave(user: Any) -> Any:
    """The learner's own page."""
    return change_enrollment(SimpleNamespace(user=user, POST={"course_id": DEMO, "enrollment_action": "unenroll"}))


def requests(site: LmsSite) -> list[tuple[str, str]]:
    return [(data["refund_request"]["order_key"], data["refund_request"]["initiator"])
            for _, data in site.messages() if "refund_request" in data]  # fmt: skip


def registered(user: Any) -> None:
    personal = UserPersonalData(username=user.username, email=user.email, name="Some Learner")
    STUDENT_REGISTRATION_COMPLETED.send_event(user=UserData(pii=personal, id=user.pk, is_active=True))


# ------------------------------------------------------------------------------------------------------ one row each

ENROLLMENT = SimpleNamespace(user_id=7, course_id=KEY, is_active=True)
USER = SimpleNamespace(id=7, pk=7, username="ada", email="ada@example.com")
TOLD: dict[str, Callable[[], Any]] = {
    "USER_ACCOUNT_ACTIVATED": lambda: USER_ACCOUNT_ACTIVATED.send_robust(Registration, user=USER),
    "STUDENT_REGISTRATION_COMPLETED": lambda: registered(USER),
    "REFUND_ORDER": lambda: REFUND_ORDER.send(sender=None, course_enrollment=ENROLLMENT),
    "UNENROLL_DONE": lambda: UNENROLL_DONE.send(sender=None, course_enrollment=ENROLLMENT, skip_refund=False),
    "USER_RETIRE_MAILINGS": lambda: USER_RETIRE_MAILINGS.send_robust(sender=None, user=USER),
    "USER_RETIRE_LMS_MISC": lambda: USER_RETIRE_LMS_MISC.send(sender=None, user=USER),
    "USER_RETIRE_LMS_CRITICAL": lambda: USER_RETIRE_LMS_CRITICAL.send(sender=None, user=USER),
}


def test_every_signal_that_is_listened_to_is_tried_here() -> None:
    assert TOLD.keys() == handlers.PLATFORM.keys()


@pytest.fixture
def quiet(lms_site: LmsSite, monkeypatch: pytest.MonkeyPatch) -> LmsSite:
    """The double's other listeners, which want real rows, hear nothing."""
    monkeypatch.setattr(UNENROLL_DONE, "receivers", [
        one for one in UNENROLL_DONE.receivers if "commerce_fulfillment" in str(one[0][0])
    ])  # fmt: skip
    monkeypatch.setattr(REFUND_ORDER, "receivers", [
        one for one in REFUND_ORDER.receivers if "commerce_fulfillment" in str(one[0][0])
    ])  # fmt: skip
    return lms_site


@pytest.mark.parametrize("signal", sorted(TOLD))
def test_each_inserts_exactly_one_row_of_an_internal_type_that_names_nobody(quiet: LmsSite, signal: str) -> None:
    TOLD[signal]()
    (row,) = Inbox.objects.all()
    assert row.event_type.startswith("internal.")
    assert row.event_type in quiet.handler.event_types
    assert orjson.loads(row.payload)["lms_user_id"] == 7
    assert "ada" not in row.payload


@pytest.mark.parametrize("signal", sorted(TOLD))
def test_an_error_of_the_database_does_not_end_the_request(
    quiet: LmsSite, signal: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_events_inbox RENAME TO elsewhere")
    with transaction.atomic():
        TOLD[signal]()
        assert not CourseEnrollment.objects.exists(), "the transaction of the request is as good as before"
    assert "OperationalError" in caplog.text
    assert "ada" not in caplog.text


def test_an_error_of_the_database_on_a_server_does_not_end_the_request(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    rename = f"ALTER TABLE {connection.ops.quote_name('commerce_events_inbox')} RENAME TO "
    with connection.cursor() as cursor:
        cursor.execute(rename + "gone")
    try:
        assert leave(ada).status_code == 200
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO commerce_events_inbox")
    assert site.seat(ada) is None


@pytest.mark.parametrize("signal", [UNENROLL_DONE, REFUND_ORDER])
def test_a_signal_without_its_arguments_is_ignored(quiet: LmsSite, signal: Any) -> None:
    signal.send(sender=None)
    signal.send(sender=None, course_enrollment=None, skip_refund=False)
    assert not Inbox.objects.exists()


def test_what_may_have_been_us_is_ignored(quiet: LmsSite) -> None:
    UNENROLL_DONE.send(sender=None, course_enrollment=ENROLLMENT, skip_refund=True)
    assert not Inbox.objects.exists()


def test_a_login_costs_nothing(lms_site: LmsSite) -> None:
    ada = lms_site.user("ada")
    Inbox.objects.all().delete()
    ada.save(update_fields=["last_login"])
    assert not Inbox.objects.exists()


def test_a_signal_that_this_release_lacks_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert checks.platform() == []
    monkeypatch.setitem(lms.HOMES, "REFUND_ORDER", ("common.djangoapps.student.elsewhere",))
    handlers.connect()
    assert "REFUND_ORDER is not there" in caplog.text
    (found,) = checks.platform()
    assert (found.id, bool(found.hint)) == (checks.SIGNALS, True)
    assert "common.djangoapps.student.elsewhere" in found.msg


# ------------------------------------------------------------------------------------------------------ what follows


def test_a_learner_who_leaves_by_the_page_asks_for_the_money_once(site: LmsSite) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada), paid("200", bob))
    assert leave(ada).status_code == 200
    site.later(1)
    assert requests(site) == [("shop:100", "learner")]
    site.later(120)
    assert requests(site) == [("shop:100", "learner")], "that the enrollment ended is the same departure"
    assert site.grant("100").state == "released"
    assert (site.grant("200").state, site.seat(bob)) == ("active", "verified")


def test_after_a_backlog_it_was_still_the_learner(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    leave(ada)
    site.later(3600)
    assert requests(site) == [("shop:100", "learner")]


def test_staff_takes_a_learner_out(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.now = datetime.now(UTC)
    site.set_seat(ada, None)
    site.later(1)
    assert requests(site) == [], "it may yet turn out to have been the learner"
    site.later(120)
    assert requests(site) == [("shop:100", "staff")]


def test_every_order_that_gave_the_seat_is_asked_about(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.deliver(paid("101", ada))
    leave(ada)
    site.later(1)
    assert sorted(requests(site)) == [("shop:100", "learner"), ("shop:101", "learner")]


def test_a_refund_of_ours_asks_for_no_second_one(site: LmsSite) -> None:
    from tests.unit.fulfillment.site import refunded

    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.deliver(refunded("100"))
    site.later(120)
    assert (site.seat(ada), requests(site)) == (None, [])


def test_who_leaves_what_was_never_bought_is_nobodys_business(site: LmsSite) -> None:
    ada = site.user("ada")
    site.set_seat(ada, "audit")
    leave(ada)
    site.later(120)
    assert requests(site) == []


def test_an_order_that_comes_again_does_not_bring_the_learner_back(site: LmsSite) -> None:
    ada = site.user("ada")
    order = paid("100", ada)
    site.deliver(order)
    leave(ada)
    site.receive(order, again=True)
    site.later(120)
    assert (site.seat(ada), site.grant("100").state) == (None, "released")


def test_a_registration_brings_what_was_paid_before(site: LmsSite) -> None:
    site.deliver(paid("100", learner(email="ada@example.com")))
    ada = site.user("ada")
    registered(ada)
    site.later(1)
    assert site.seat(ada) == "verified"


# -------------------------------------------------------------------------------------------------------- retirement


@pytest.mark.parametrize("told", ["mailings", "misc", "retire"])
def test_who_retires_is_forgotten_whichever_signal_comes(site: LmsSite, told: str) -> None:
    ada = site.user("ada")
    site.course(SMALL, max_student_enrollments_allowed=0)
    site.deliver(paid("100", ada))
    site.deliver(paid("102", ada, line("1", SMALL)))
    assert site.grant("102").state == "held"
    site.deliver(paid("101", learner(ada.pk, "ada", "ADA@example.com")))
    create_retirement_request_and_deactivate_account(ada)
    getattr(retirement, told)("ada")
    site.later(120)

    assert site.current("101") == {("1", "fulfill", None): ("completed", "duplicate_purchase")}
    assert site.current("102") == {("1", "fulfill", None): ("failed", "learner_retired")}
    assert not WaitingLine.objects.exists()
    assert "ada" not in "".join(Inbox.objects.values_list("payload", flat=True)).lower().replace("learner", "")
    assert site.seat(ada) == "verified", "that is the platform's to end"


def test_a_line_that_waits_for_who_retires_ends(site: LmsSite) -> None:
    ada = site.user("ada", is_active=False)
    site.deliver(paid("100", learner(email="ada@example.com")))
    assert site.grant("100").state == "waiting"
    create_retirement_request_and_deactivate_account(ada)
    retirement.mailings("ada")
    site.later(1)
    assert site.current("100") == {("1", "fulfill", None): ("failed", "learner_retired")}
    assert not WaitingLine.objects.exists()


def test_the_unenrolments_of_a_retirement_ask_for_no_money(site: LmsSite) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    create_retirement_request_and_deactivate_account(ada)
    retirement.unenroll("ada")
    retirement.retire("ada")
    retirement.cleanup(["ada"])
    site.later(120)
    assert (site.seat(ada), requests(site)) == (None, [])


def test_an_order_that_was_scrubbed_is_still_recognised_and_can_be_retried(site: LmsSite) -> None:
    from consumers.fulfillment import api

    ada, order = site.user("ada"), paid("100", learner(email="ada@example.com"), line("1", SMALL))
    assert words(site.deliver(order)) == [("failed", "course_not_found")]
    create_retirement_request_and_deactivate_account(ada)
    retirement.misc("ada")
    site.later(1)
    steps = len(api.journey("shop", "100").steps)
    site.receive(order)
    assert not site.stage.due(site.now, 10), "a duplicate"
    site.course(SMALL)
    assert api.retry("shop", "100", ["1"], "someone")
    site.later(1)
    assert site.current("100") == {("1", "fulfill", None): ("failed", "learner_retired")}
    assert len(api.journey("shop", "100").steps) > steps
