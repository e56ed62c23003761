"""The traps of the platform, by number: what a naive gateway walks into, and ours does not.

Each test lets the naive way fail on the double first. A double on which it does not fail would show nothing.
"""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import outside
import pytest
from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.entitlements.models import CourseEntitlement
from common.djangoapps.student import models as student
from common.djangoapps.student import views
from common.djangoapps.student.models import CourseEnrollment, CourseEnrollmentAllowed, Registration
from common.djangoapps.student.signals import UNENROLL_DONE
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, IntegrityError, OperationalError, connection, models, transaction
from django.db.models.signals import post_save
from django.db.transaction import TransactionManagementError
from django.test import RequestFactory
from lms.djangoapps.certificates.models import GeneratedCertificate
from opaque_keys import InvalidKeyError
from openedx.core.djangoapps.enrollments import api, errors
from openedx.core.djangoapps.user_api.accounts import views as retirement
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account
from openedx.core.lib.exceptions import CourseNotFoundError
from openedx_events.learning.signals import COURSE_ENROLLMENT_CREATED
from openedx_filters.learning.filters import CourseEnrollmentStarted

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.topics import ORDER_PAID_TYPE
from consumers.fulfillment.gateway import Change, EntitlementChange, EntitlementKey, Gateway, OrderLine
from consumers.fulfillment.models import Grant
from consumers.fulfillment.platform import entitlements, lms
from consumers.fulfillment.platform.gateway import PlatformGateway
from consumers.fulfillment.platform.refusals import RefusedError, understood
from consumers.fulfillment.rules.state import Pair, Seat
from tests.platform.site import DEMO, KEY, LmsSite, filtered, refuse_enrollment
from tests.unit.fulfillment.site import learner, paid, refunded, words

PAID_AT = datetime(2026, 5, 1, 11, 59, tzinfo=UTC)
LINE = OrderLine("shop", "100", "shop:100", "#100", "1", PAID_AT)
SMALL = "course-v1:edX+Small+1"
UUID = "7a1f4d7e-6c43-4f0e-9f0b-0e5f1f0b2c11"


def change(
    user: Any, mode: str | None, before: Seat | None = None, *, course_key: str = DEMO, line: OrderLine | None = LINE
) -> Change:
    """An enrollment as it must be; None: none."""
    was = before.mode if before is not None else ""
    return Change(Pair(user.pk, course_key), before, Seat(mode or was, mode is not None), line)


def apply(*changes: Change) -> dict[str, str]:
    """What the handler does last: course → reason of what was refused, and then everything is taken back."""
    gateway = PlatformGateway()
    with transaction.atomic():
        gateway.begin()
        refused = gateway.apply(changes)
        if refused:
            transaction.set_rollback(True)
    return {pair.course_key: reason for pair, reason in refused.items()}


@pytest.fixture
def created() -> Iterator[list[str]]:
    """Modes that the platform told the world when it enrolled somebody."""
    modes: list[str] = []

    def listen(enrollment: Any, **_: Any) -> None:
        modes.append(enrollment.mode)

    COURSE_ENROLLMENT_CREATED.connect(listen)
    yield modes
    COURSE_ENROLLMENT_CREATED.disconnect(listen)


@contextmanager
def listening(signal: Any, receiver: Callable[..., Any], **more: Any) -> Iterator[None]:
    signal.connect(receiver, **more)
    try:
        yield
    finally:
        signal.disconnect(receiver, **more)


def leave(user: Any) -> Any:
    """The learner's own page."""
    request = RequestFactory().post("/change_enrollment", {"course_id": DEMO, "enrollment_action": "unenroll"})
    request.user = user
    PlatformGateway().begin()  # a request of its own
    return views.change_enrollment(request)


def test_01_adding_is_not_idempotent_and_begins_in_the_default_mode(site: LmsSite, created: list[str]) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    api.add_enrollment("ada", DEMO, mode="verified")
    assert created == ["audit"]
    site.set_seat(bob, "audit")
    with pytest.raises(errors.CourseEnrollmentExistsError):
        api.add_enrollment("bob", DEMO, mode="verified")
    assert site.seat(bob) == "audit"

    created.clear()
    eve = site.user("eve")
    assert apply(change(eve, "verified"), change(bob, "verified", Seat("audit", True))) == {}
    assert (created, site.seat(eve), site.seat(bob)) == (["verified"], "verified", "verified")
    assert site.seat(ada) == "verified"


def test_02_updating_asks_neither_capacity_nor_filters(site: LmsSite, settings: Any) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.course(SMALL, max_student_enrollments_allowed=1)
    for user in (ada, bob):
        site.set_seat(user, "audit", SMALL)
        site.set_seat(user, None, SMALL)
    site.set_seat(site.user("first"), "audit", SMALL)
    api.update_enrollment("ada", SMALL, mode="verified", is_active=True)
    assert site.seat(ada, SMALL) == "verified", "two learners in a course for one"

    assert apply(change(bob, "verified", Seat("audit", False), course_key=SMALL)) == {SMALL: "course_full"}
    site.set_seat(bob, "audit")
    site.set_seat(bob, None)
    with filtered(CourseEnrollmentStarted, refuse_enrollment, settings):
        assert apply(change(bob, "verified", Seat("audit", False))) == {DEMO: "blocked_by_filter"}
    assert (site.seat(bob, SMALL), site.seat(bob)) == (None, None)


def test_03_force_overrules_a_closed_window_and_nothing_else(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    past = datetime(2026, 1, 1, tzinfo=UTC)
    site.course(SMALL, enrollment_end=past)
    CourseMode.objects.filter(mode_slug="verified").update(_expiration_datetime=past)
    with pytest.raises(errors.CourseModeNotFoundError):
        api.add_enrollment("ada", SMALL, mode="verified", force_enrollment=True)

    PlatformGateway().begin()
    assert apply(change(ada, "verified", course_key=SMALL)) == {}
    assert site.seat(ada, SMALL) == "verified"
    assert apply(change(ada, "professional")) == {DEMO: "mode_not_found"}


@pytest.mark.parametrize(("error", "answer"), [
    (student.EnrollmentNotAllowed(), "blocked_by_filter"),
    (student.UnenrollmentNotAllowed(), "blocked_by_filter"),
    (student.NonExistentCourseError(), "course_not_found"),
    (CourseNotFoundError(), "course_not_found"),
    (student.EnrollmentClosedError(), "enrollment_closed"),
    (errors.CourseEnrollmentClosedError(""), "enrollment_closed"),
    (student.CourseFullError(), "course_full"),
    (errors.CourseEnrollmentFullError(""), "course_full"),
    (errors.CourseModeNotFoundError(""), "mode_not_found"),
    (errors.UserNotFoundError(""), "learner_not_found"),
    (InvalidKeyError(None, ""), "course_key_invalid"),
    (student.AlreadyEnrolledError(), TransientError),
    (errors.CourseEnrollmentExistsError("", {}), TransientError),
    (errors.EnrollmentNotFoundError(""), TransientError),
    (ConnectionRefusedError(), TransientError),
    (errors.EnrollmentApiLoadError(""), OperatorError),
    (errors.InvalidEnrollmentAttribute(""), errors.InvalidEnrollmentAttribute),
    (OperationalError(), OperationalError),
    (TransactionManagementError(), TransactionManagementError),
    (IntegrityError(), IntegrityError),
    (student.UserProfile.DoesNotExist(), ObjectDoesNotExist),
    (KeyError(), KeyError),
])  # fmt: skip
def test_04_exceptions_have_no_common_ancestor(error: Exception, answer: str | type[Exception]) -> None:
    def naive() -> str:
        try:
            raise error
        except errors.CourseEnrollmentError:
            return "refused"

    if type(error) in (student.EnrollmentNotAllowed, CourseNotFoundError):
        with pytest.raises(type(error)):
            naive()
    with pytest.raises(RefusedError if isinstance(answer, str) else answer) as raised, understood():
        raise error
    if isinstance(answer, str):
        assert isinstance(raised.value, RefusedError)
        assert raised.value.reason == answer


def test_04_a_connection_failure_of_the_content_store_is_transient() -> None:
    from pymongo.errors import AutoReconnect, OperationFailure

    with pytest.raises(TransientError), understood():
        raise AutoReconnect("no primary")
    with pytest.raises(OperationFailure), understood():
        raise OperationFailure("not authorized")


def test_04_a_database_error_that_the_platform_swallowed_is_seen(site: LmsSite) -> None:
    ada, bob = site.user("ada"), site.user("bob")

    def duplicate() -> None:
        student.UserProfile.objects.create(user=ada)  # a receiver's bad luck; emit_event logs it and goes on

    outside.failing["tracking"] = duplicate
    if connection.vendor == "postgresql":  # the server itself refuses everything after an error
        expected: tuple[type[Exception], ...] = (TransactionManagementError, DatabaseError)
    else:
        with transaction.atomic():
            assert CourseEnrollment.enroll(bob, KEY, mode="verified").is_active, "it says so"
        assert site.seat(bob) is None, "and the commit was a rollback"
        expected = (TransactionManagementError,)
    with pytest.raises(expected):
        apply(change(bob, "verified"))
    outside.failing.clear()
    assert apply(change(bob, "verified")) == {}


def test_04_a_missing_profile_breaks_the_platform_after_it_wrote(site: LmsSite) -> None:
    ada = site.user("ada", profile=False)
    with pytest.raises(student.UserProfile.DoesNotExist):
        CourseEnrollment.enroll(ada, KEY, mode="verified", check_access=True)
    assert site.seat(ada) == "verified"
    CourseEnrollment.objects.all().delete()
    assert apply(change(ada, "verified")) == {DEMO: "internal_error"}
    assert not CourseEnrollment.objects.exists()


def test_05_updating_to_inactive_wakes_those_who_refund(lms_site: LmsSite, settings: Any) -> None:
    site = lms_site
    recent = LINE._replace(paid_at=datetime.now(UTC))
    ada, bob = site.user("ada"), site.user("bob")
    assert apply(change(ada, "verified", line=recent), change(bob, "verified", line=recent)) == {}
    api.update_enrollment("ada", DEMO, is_active=False)
    assert len(outside.heard("store")) == 1

    outside.told.clear()
    assert apply(change(bob, None, Seat("verified", True))) == {}
    assert (site.seat(bob), outside.heard("store")) == (None, [])


def test_06_writing_attributes_replaces_all_of_them(site: LmsSite) -> None:
    credit = {"namespace": "credit", "name": "provider_id", "value": "hogwarts"}
    ada = site.user("ada")
    site.set_seat(ada, "audit")
    api.set_enrollment_attributes("ada", DEMO, [credit])
    api.set_enrollment_attributes("ada", DEMO, [{"namespace": "order", "name": "order_id", "value": "1"}])
    assert site.attributes(ada) == {"order:order_id": "1"}

    api.set_enrollment_attributes("ada", DEMO, [credit])
    assert apply(change(ada, "verified", Seat("audit", True))) == {}
    assert site.attributes(ada) == {
        "credit:provider_id": "hogwarts", "order:order_number": "#100", "order:order_id": "100",
        "order:line_item_id": "1", "order:source_system": "shop", "order:date_placed": "2026-05-01T11:59:00Z",
    }  # fmt: skip


def test_07_audit_may_not_exist(site: LmsSite) -> None:
    pro = "course-v1:edX+Pro+1"
    site.course(pro, ["professional"])
    ada = site.user("ada")
    apply(change(ada, "professional", course_key=pro))
    with pytest.raises(errors.CourseModeNotFoundError):
        api.update_enrollment("ada", pro, mode="audit")
    before = Seat("professional", True)
    assert apply(change(ada, "audit", before, course_key=pro)) == {pro: "mode_not_found"}, "a fact for the rules"
    assert "audit" not in PlatformGateway().courses([pro])[pro].modes, "which know it beforehand, and deactivate"
    assert apply(change(ada, None, before, course_key=pro)) == {}
    assert site.seat(ada, pro) is None


def test_08_what_is_memoised_survives_a_rollback(site: LmsSite) -> None:
    ada = site.user("ada")
    with transaction.atomic():
        CourseEnrollment.enroll(ada, KEY, mode="verified", check_access=True)
        transaction.set_rollback(True)
    with pytest.raises(student.AlreadyEnrolledError):
        CourseEnrollment.enroll(ada, KEY, mode="verified", check_access=True)
    assert site.seat(ada) is None

    assert words(site.deliver(paid("100", ada))) == [("completed", "ok")]
    CourseMode.objects.filter(mode_slug="verified").update(mode_slug="professional")  # in another process
    assert words(site.deliver(paid("101", site.user("bob")))) == [("failed", "mode_not_found")]


def test_09_an_allowance_forgets_the_mode_that_was_paid(lms_site: LmsSite) -> None:
    site = lms_site
    ada, bob = (site.user(name, is_active=False) for name in ("ada", "bob"))
    CourseEnrollmentAllowed.objects.create(email=ada.email, course_id=KEY, auto_enroll=True)
    site.deliver(paid("100", learner(email=bob.email)))
    for user in (ada, bob):
        Registration.objects.create(user=user).activate()
    site.later(60)
    assert (site.seat(ada), site.seat(bob)) == ("audit", "verified")


def test_10_a_downgrade_revokes_no_certificate(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    site.set_seat(ada, "audit")
    site.deliver(paid("100", ada))
    certificate = GeneratedCertificate.objects.create(user=ada, course_id=KEY, status="downloadable", mode="verified")
    api.update_enrollment("ada", DEMO, mode="audit")
    certificate.refresh_from_db()
    assert certificate.status == "downloadable", "the money is back, and the certificate stays"
    api.update_enrollment("ada", DEMO, mode="verified")

    assert words(site.deliver(refunded("100"))) == [("deferred", "certificate_issued")]
    assert site.seat(ada) == "verified"


def test_11_retirement_looks_like_leaving(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")
    site.deliver(paid("100", ada))
    requested = []

    def naive(course_enrollment: Any, skip_refund: bool, **_: Any) -> None:
        if not skip_refund:
            requested.append(course_enrollment.user_id)

    create_retirement_request_and_deactivate_account(ada)
    with listening(UNENROLL_DONE, naive):
        retirement.unenroll("ada")
    assert requested == [ada.pk]

    site.later(60)
    assert not [data for _, data in site.messages() if "request" in data], "no refund is asked for"


def test_12_the_data_layer_is_swapped_by_a_setting(lms_site: LmsSite, settings: Any) -> None:
    from tests.platform import data_layer

    ada = lms_site.user("ada")
    lms_site.set_seat(ada, "audit")
    settings.ENROLLMENT_DATA_API = "tests.platform.data_layer"
    data_layer.called.clear()
    from openedx.core.djangoapps.enrollments import data as naive

    naive.update_course_enrollment("ada", DEMO, mode="audit")
    assert data_layer.called == [], "the site's own layer was passed by"
    assert apply(change(ada, "verified", Seat("audit", True))) == {}
    assert {"update_course_enrollment", "add_or_update_enrollment_attr"} <= set(data_layer.called)
    assert not [home for homes in lms.HOMES.values() for home in homes if home.endswith(".data") and "cert" not in home]

    settings.ENROLLMENT_DATA_API = "no.such.module"
    with pytest.raises(OperatorError, match="enrollment data API"):
        apply(change(ada, "audit", Seat("verified", True)))


def test_13_everything_is_imported_before_there_are_settings() -> None:
    def imported(source: str) -> subprocess.CompletedProcess[str]:
        bare = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        return subprocess.run([sys.executable, "-c", source], env=bare, capture_output=True, text=True, check=False)

    naive = imported("from django.conf import settings; SALTS = settings.RETIRED_USER_SALTS")
    assert "ImproperlyConfigured" in naive.stderr

    folder = Path(lms.__file__).parent
    names = [f"consumers.fulfillment.platform.{path.stem}" for path in folder.glob("*.py")]
    ours = imported(
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('common', 'lms', 'openedx', 'opaque_keys')])"
    )
    assert (ours.stderr, ours.stdout) == ("", "[]\n")


def test_14_a_type_of_ours_in_settings_of_studio_stops_studio() -> None:
    topic = {"commerce-order-lifecycle": {"enabled": False, "event_key_field": "order.order_key"}}

    def start(*installed: str) -> subprocess.CompletedProcess[str]:
        said = {"INSTALLED_APPS": installed, "EVENT_BUS_PRODUCER_CONFIG": {ORDER_PAID_TYPE: topic}}
        source = f"import django; from django.conf import settings; settings.configure(**{said}); django.setup()"
        return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)

    assert "ProducerConfigurationError" in start("openedx_events").stderr, "Studio does not have the plugin"
    with_ours = start("commerce_events", "openedx_events")
    assert with_ours.returncode == 0, with_ours.stderr


def test_17_the_orders_of_one_transaction_are_one() -> None:
    assert Gateway.bulk is False
    assert PlatformGateway.bulk is False


def test_18_nothing_in_our_tables_is_beyond_mysql() -> None:
    labels = ("commerce_events", "commerce_fulfillment")
    ours = [model for label in labels for model in apps.get_app_config(label).get_models()]
    naive = models.UniqueConstraint(fields=["a"], condition=models.Q(b=True), name="a_where_b")
    assert naive.condition is not None
    for model in ours:
        for constraint in model._meta.constraints:
            assert getattr(constraint, "condition", None) is None, f"{constraint.name}: MySQL would leave it out"
            assert len(constraint.name) <= 30
        for index in model._meta.indexes:
            assert index.condition is None
            assert len(index.name) <= 30
        for field in model._meta.local_fields:
            if field.db_index or field.unique:
                assert (getattr(field, "max_length", None) or 0) <= 768, f"{field}: too long for an index in utf8mb4"


def test_19_the_platform_tells_the_world_before_we_commit(lms_site: LmsSite) -> None:
    site, ada = lms_site, lms_site.user("ada")

    @transaction.atomic
    def naive() -> None:
        CourseEnrollment.enroll(ada, KEY, mode="verified", check_access=True)
        raise OperationalError("our own row cannot be written")

    with pytest.raises(OperationalError):
        naive()
    assert (outside.heard("email"), site.seat(ada)) == ([(ada.pk, DEMO, "verified")], None)

    outside.told.clear()
    seen: list[int] = []
    outside.failing["email"] = lambda: seen.append(Grant.objects.filter(state="active").count())
    site.deliver(paid("100", ada))
    assert seen == [1], "the ledger is written when the platform speaks"
    assert len(outside.heard("email")) == 1


def test_19_a_refusal_that_can_be_seen_comes_before_the_first_word(lms_site: LmsSite) -> None:
    site, ada, bob = lms_site, lms_site.user("ada"), lms_site.user("bob", profile=False)

    @transaction.atomic
    def naive() -> None:
        for user in (ada, bob):
            CourseEnrollment.enroll(user, KEY, mode="verified", check_access=True)

    with pytest.raises(student.UserProfile.DoesNotExist):
        naive()
    assert len(outside.heard("email")) == 1
    outside.told.clear()
    assert apply(change(ada, "verified"), change(bob, "verified")) == {DEMO: "internal_error"}
    assert (outside.told, site.seats()) == ([], {})


def test_20_an_error_of_a_receiver_ends_the_learners_request(sqlite: Any) -> None:
    site = LmsSite()
    ada = site.user("ada")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_events_inbox RENAME TO elsewhere")

    def naive(instance: Any, **_: Any) -> None:
        from commerce_events.models import Inbox

        Inbox.objects.exists()

    with listening(post_save, naive, sender=get_user_model()), pytest.raises(OperationalError), transaction.atomic():
        ada.save()
    ada.email = "new@example.com"
    with transaction.atomic():
        ada.save()
    ada.refresh_from_db()
    assert ada.email == "new@example.com"


def test_21_an_entitlement_that_is_not_locked_keeps_its_learner_in_the_course(site: LmsSite) -> None:
    outside.catalog[UUID] = [DEMO]
    ada, bob = site.user("ada"), site.user("bob")
    for user in (ada, bob):
        site.set_seat(user, "verified")
    seat = CourseEnrollment.objects.get(user=ada)
    CourseEntitlement.objects.create(
        user=ada, course_uuid=UUID, mode="verified", order_number="1", enrollment_course_run=seat
    )
    with pytest.raises(IntegrityError):
        leave(ada)
    assert site.seat(ada) == "verified"

    key = EntitlementKey(bob.pk, UUID, "verified", "shop:100", "1")
    with transaction.atomic():
        assert PlatformGateway().apply_entitlements([EntitlementChange(key, True, DEMO)]) == {}
    assert leave(bob).status_code == 200
    assert site.seat(bob) is None


def test_21_an_order_number_has_128_characters(lms_site: LmsSite) -> None:
    ada = lms_site.user("ada")
    long = EntitlementKey(ada.pk, UUID, "verified", f"shop:{'9' * 100}", "1" * 50)
    with pytest.raises(ValueError, match="too long"):
        CourseEntitlement.objects.create(
            user=ada, course_uuid=UUID, mode="verified", order_number=f"{long.order_key}:{long.line_id}"
        )
    other = long._replace(line_id="1" * 51)
    numbers = {entitlements.order_number(key) for key in (long, other)}
    assert len(numbers) == 2
    assert all(len(number) <= 128 for number in numbers)
    assert entitlements.order_number(long._replace(line_id="1", order_key="shop:1")) == "shop:1:1"


def test_22_without_the_date_the_platform_asks_the_old_store(lms_site: LmsSite) -> None:
    site, ada, bob = lms_site, lms_site.user("ada"), lms_site.user("bob")
    site.set_seat(ada, "verified")
    api.set_enrollment_attributes("ada", DEMO, [{"namespace": "order", "name": "order_number", "value": "100"}])
    CourseEnrollment.objects.get(user=ada).refundable()
    assert len(outside.heard("store")) == 1

    outside.told.clear()
    apply(change(bob, "verified"))
    CourseEnrollment.objects.get(user=bob).refundable()
    assert PlatformGateway().within_refund_window([Pair(ada.pk, DEMO), Pair(bob.pk, DEMO)])
    assert outside.heard("store") == []


def test_23_an_error_of_a_check_blocks_the_lms(lms_site: LmsSite, settings: Any) -> None:
    def naive(**_: Any) -> list[checks.CheckMessage]:
        return [checks.Error("the store is not on the list", id="naive.E001")]

    settings.COMMERCE_FULFILLMENT = {"SOURCES": {}, "GATEWAY": "no.such.Gateway", "RANK": []}
    call_command("check")
    checks.register(naive)
    try:
        with pytest.raises(SystemCheckError):
            call_command("check")
    finally:
        checks.registry.registry.registered_checks.discard(naive)


def test_24_the_learners_page_may_not_stand_in_a_transaction(site: LmsSite) -> None:
    ada = site.user("ada")
    site.set_seat(ada, "verified")
    with pytest.raises(TransactionManagementError), transaction.atomic():
        leave(ada)
    assert site.seat(ada) == "verified"
    with transaction.atomic():
        assert apply(change(ada, None, Seat("verified", True))) == {}
    assert site.seat(ada) is None


def test_every_trap_has_a_test() -> None:
    """Two are of the bus: the stock loop (15) in tests/proof, and the prefix of others (16) in tests/unit/bus."""
    here = {int(name[5:7]) for name in globals() if name.startswith("test_") and name[5:7].isdigit()}
    assert here | {15, 16} == set(range(1, 25))
