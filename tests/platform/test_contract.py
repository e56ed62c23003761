"""What we rely on is in the platform's source: names, signatures, ancestors of exceptions, fields, the order of checks.

Runs on the double, and on a checkout with ``COMMERCE_EVENTS_PLATFORM=/path/to/edx-platform``: so the double cannot say
what the platform does not, and a new release of the platform can be asked before anybody upgrades to it. Nothing is
imported, so the checkout needs neither packages nor services.
"""
from __future__ import annotations

import ast
from pathlib import Path

import pytest

from consumers.fulfillment.platform.lms import HOMES
from tests.platform import settings
from tests.platform.settings import IS_DOUBLE, PLATFORM
from tests.platform.source import Source, parameters, raised

SOURCE = Source(Path(PLATFORM))
PACKAGES = ("opaque_keys", "edx_django_utils", "openedx_events", "user_util")  # installed beside the platform

STUDENT = "common.djangoapps.student.models"
ENROLLMENTS = "openedx.core.djangoapps.enrollments"
MODES = "common.djangoapps.course_modes.models"
OVERVIEWS = "openedx.core.djangoapps.content.course_overviews.models"
ENTITLEMENTS = "common.djangoapps.entitlements.models"
USERS = "openedx.core.djangoapps.user_api.models"

#: What we pass by name, beside what we pass by position: (module, function or Class.method) → (positions, names).
CALLS: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {
    (STUDENT, "CourseEnrollment.enroll"): (2, ("mode", "check_access", "can_upgrade")),
    (STUDENT, "CourseEnrollment.unenroll"): (2, ("skip_refund",)),
    (STUDENT, "CourseEnrollmentManager.is_course_full"): (1, ()),
    (f"{ENROLLMENTS}.api", "validate_course_mode"): (2, ("include_expired",)),
    (f"{ENROLLMENTS}.api", "update_enrollment"): (2, ("mode", "include_expired")),
    (f"{ENROLLMENTS}.api", "get_enrollment_attributes"): (2, ()),
    (f"{ENROLLMENTS}.api", "set_enrollment_attributes"): (3, ()),
    (MODES, "CourseMode.modes_for_course"): (1, ("include_expired", "only_selectable")),
    (OVERVIEWS, "CourseOverview.get_from_id"): (1, ()),
    ("openedx.core.djangoapps.embargo.api", "check_course_access"): (1, ("user",)),
    ("lms.djangoapps.certificates.api", "get_certificate_for_user_id"): (2, ()),
    ("lms.djangoapps.certificates.data", "CertificateStatuses.is_refundable_status"): (1, ()),
    ("openedx.core.djangoapps.catalog.utils", "get_course_runs_for_course"): (1, ()),
    ("common.djangoapps.entitlements.utils", "is_course_run_entitlement_fulfillable"): (2, ("compare_date",)),
    (ENTITLEMENTS, "CourseEntitlement.expire_entitlement"): (0, ()),
    ("openedx.core.lib.user_util", "get_all_retired_emails"): (3, ()),
    ("openedx.core.lib.user_util", "get_all_retired_usernames"): (3, ()),
}
#: Columns and relations that we read or write.
FIELDS = {
    (STUDENT, "CourseEnrollment"): ("user", "course", "created", "is_active", "mode"),
    (STUDENT, "CourseEnrollmentAttribute"): ("enrollment", "namespace", "name", "value"),
    (STUDENT, "EnrollmentRefundConfiguration"): ("refund_window",),
    (MODES, "CourseMode"): ("course", "mode_slug", "sku"),
    (OVERVIEWS, "CourseOverview"): ("id", "start", "enrollment_start", "enrollment_end", "invitation_only"),
    (ENTITLEMENTS, "CourseEntitlement"): (
        "user", "course_uuid", "mode", "order_number", "enrollment_course_run", "refund_locked", "expired_at",
        "_policy",
    ),
    (ENTITLEMENTS, "CourseEntitlementPolicy"): ("site", "mode"),
    (USERS, "UserRetirementStatus"): ("user", "original_username", "original_email"),
}  # fmt: skip
#: Names by which rows are reached from the other side.
RELATED = {
    (STUDENT, "UserProfile", "user"): "profile",
    (STUDENT, "CourseEnrollmentAttribute", "enrollment"): "attributes",
}
#: Exception → what it descends from, as far as it matters to whoever catches it.
ANCESTORS = {
    (f"{ENROLLMENTS}.errors", "CourseEnrollmentClosedError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "CourseEnrollmentFullError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "CourseEnrollmentExistsError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "CourseModeNotFoundError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "EnrollmentApiLoadError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "EnrollmentNotFoundError"): {"CourseEnrollmentError"},
    (f"{ENROLLMENTS}.errors", "UserNotFoundError"): {"CourseEnrollmentError"},
    ("openedx.core.lib.exceptions", "CourseNotFoundError"): {"ObjectDoesNotExist"},
    (STUDENT, "AlreadyEnrolledError"): {"CourseEnrollmentException"},
    (STUDENT, "EnrollmentNotAllowed"): {"CourseEnrollmentException"},
    (STUDENT, "UnenrollmentNotAllowed"): {"CourseEnrollmentException"},
}
#: Settings of the platform that we read.
SETTINGS = ("RETIRED_EMAIL_FMT", "RETIRED_USERNAME_FMT", "RETIRED_USERNAME_PREFIX", "RETIRED_USER_SALTS")


def _has(module: str) -> bool:
    return SOURCE.module(module) is not None


def test_the_checkout_is_one() -> None:
    assert _has(STUDENT), f"{PLATFORM} holds no {STUDENT}: COMMERCE_EVENTS_PLATFORM must be the root of the platform"


@pytest.mark.parametrize("name", sorted(HOMES))
def test_every_name_is_where_we_look_for_it(name: str) -> None:
    homes = [home for home in HOMES[name] if _has(home)]
    if not homes:
        assert HOMES[name][-1].split(".")[0] in PACKAGES, f"no module of {HOMES[name]} is in the checkout"
        return
    assert SOURCE.find(homes[0], name) is not None, f"{homes[0]} has no {name}"


@pytest.mark.parametrize(("module", "called"), sorted(CALLS))
def test_a_function_takes_what_we_pass(module: str, called: str) -> None:
    if not _has(module):
        pytest.skip(f"this release has no {module}")
    class_, _, name = called.rpartition(".")
    function = SOURCE.member(module, class_, name) if class_ else SOURCE.find(module, name)
    assert isinstance(function, ast.FunctionDef), f"{module} has no {called}"
    taken = [one for one in parameters(function) if one not in ("self", "cls")]
    positions, names = CALLS[module, called]
    assert len(taken) >= positions
    assert set(names) <= set(taken[positions:]), f"{called}{tuple(taken)}"


@pytest.mark.parametrize(("module", "class_"), sorted(FIELDS))
def test_a_model_has_the_fields_we_use(module: str, class_: str) -> None:
    missing = [name for name in FIELDS[module, class_] if SOURCE.member(module, class_, name) is None]
    assert not missing


@pytest.mark.parametrize(("module", "class_", "name"), sorted(RELATED))
def test_a_relation_is_called_as_we_call_it(module: str, class_: str, name: str) -> None:
    field = SOURCE.member(module, class_, name)
    assert isinstance(field, ast.Assign)
    assert isinstance(field.value, ast.Call)
    said = {one.arg: ast.literal_eval(one.value) for one in field.value.keywords if one.arg == "related_name"}
    assert said == {"related_name": RELATED[module, class_, name]}


@pytest.mark.parametrize(("module", "class_"), sorted(ANCESTORS))
def test_an_exception_descends_from_what_we_know(module: str, class_: str) -> None:
    assert SOURCE.ancestors(module, class_) >= ANCESTORS[module, class_]


@pytest.mark.parametrize("class_", ["EnrollmentNotAllowed", "NonExistentCourseError", "CourseFullError"])
def test_no_common_ancestor_tempts_to_catch_one_for_all(class_: str) -> None:
    assert "CourseEnrollmentError" not in SOURCE.ancestors(STUDENT, class_)


def test_enrolling_checks_in_this_order() -> None:
    enroll = SOURCE.member(STUDENT, "CourseEnrollment", "enroll")
    assert isinstance(enroll, ast.FunctionDef)
    assert raised(enroll) == [
        "EnrollmentNotAllowed", "NonExistentCourseError", "EnrollmentClosedError", "CourseFullError",
        "AlreadyEnrolledError",
    ]  # fmt: skip


def test_leaving_tells_whether_a_refund_is_to_be_skipped() -> None:
    update = SOURCE.member(STUDENT, "CourseEnrollment", "update_enrollment")
    assert isinstance(update, ast.FunctionDef)
    sent = [ast.unparse(node) for node in ast.walk(update) if isinstance(node, ast.Call)]
    assert "UNENROLL_DONE.send(sender=None, course_enrollment=self, skip_refund=skip_refund)" in sent


def test_an_order_number_of_an_entitlement_has_128_characters_and_is_unique_with_its_course() -> None:
    number = SOURCE.member(ENTITLEMENTS, "CourseEntitlement", "order_number")
    assert isinstance(number, ast.Assign)
    assert "max_length=128" in ast.unparse(number)
    assert "unique_together = ('course_uuid', 'order_number')" in ast.unparse(_class(ENTITLEMENTS, "CourseEntitlement"))


def _class(module: str, name: str) -> ast.ClassDef:
    node = SOURCE.find(module, name)
    assert isinstance(node, ast.ClassDef)
    return node


def test_the_settings_we_read_are_the_platforms() -> None:
    if IS_DOUBLE:
        files = [Path(settings.__file__)]
    else:
        files = [path for top in ("lms", "openedx") if (path := SOURCE.root / top / "envs/common.py").is_file()]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert not [name for name in SETTINGS if name not in text]
