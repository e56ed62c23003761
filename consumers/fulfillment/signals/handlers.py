"""Receivers that run inside a learner's own request, and therefore do next to nothing.

Each inserts one inbox row of an internal type; the handle stage does the work. Anything more would take locks in
another order than the handle stage does and deadlock learners' requests; an error without a savepoint would end them.

The signals of the platform are connected by name when the apps are ready. One that a release does not have is left out:
the LMS starts, and a check says what is not heard.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_save

from consumers.fulfillment.platform import lms

log = logging.getLogger(__name__)

#: What of an account decides who it is, and whether it may be enrolled.
_WATCHED = frozenset({"email", "username", "is_active"})


def connect() -> None:
    """Connect the receivers. Called once, when the app is ready."""
    post_save.connect(
        learner_saved, sender=get_user_model(), dispatch_uid="commerce_fulfillment.learner_saved"
    )
    if not is_lms():
        return
    for name, receiver in PLATFORM.items():
        try:
            signal = getattr(lms, name)
        except (ImportError, AttributeError) as error:
            log.error("the platform's signal %s is not there: %s", name, type(error).__name__)
            continue
        signal.connect(receiver, dispatch_uid=f"commerce_fulfillment.{name}")


def is_lms() -> bool:
    """Whether this site is an LMS."""
    return apps.is_installed("common.djangoapps.student")


def unknown() -> dict[str, tuple[str, ...]]:
    """The signals that this release of the platform does not have, and where they were looked for."""
    return {name: lms.HOMES[name] for name in PLATFORM if is_lms() and not _is_there(name)}


def learner_saved(
    sender: type[Any], instance: Any, created: bool, raw: bool = False,
    update_fields: Collection[str] | None = None, **_: Any,
) -> None:  # fmt: skip
    """An account was made or activated, or changed its e-mail: lines may be waiting for it (R4, R5).

    Whether any does is not asked here: an order that is being decided right now would not be seen.
    """
    if raw or (update_fields is not None and not created and _WATCHED.isdisjoint(update_fields)):
        return  # a login above all, which saves last_login only
    _note("lines that may wait for them were not resumed", instance.pk, _changed)


def learner_activated(sender: Any, user: Any = None, **_: Any) -> None:
    """An account was activated, or its registration is complete: the profile is there now, too.

    ``user`` is the account, or what the platform's event says of one; both have its id.
    """
    _note("lines that may wait for them were not resumed", getattr(user, "id", None), _changed)


def learner_left(sender: Any, course_enrollment: Any = None, **_: Any) -> None:
    """The learner left a course on their own page (R29). Comes after ``enrollment_ended``."""
    _left(course_enrollment, "learner")


def enrollment_ended(sender: Any, course_enrollment: Any = None, skip_refund: bool = False, **_: Any) -> None:
    """An enrollment was deactivated, by whomever (R29). With ``skip_refund`` it may have been us: nothing is asked."""
    if not skip_refund:
        _left(course_enrollment, "staff")


def learner_retires(sender: Any, user: Any = None, **_: Any) -> None:
    """The platform forgets an account (R34). The first of these signals suffices; the others change nothing.

    The e-mail is a hash by then; what it was stands in the row of the retirement.
    """

    def retired(user_id: int) -> None:
        from consumers.fulfillment import retirement
        from consumers.fulfillment.platform import accounts

        known = accounts.once_called([user_id])
        username, email = (known[0].username, known[0].email) if known else (user.username, user.email)
        retirement.retired(user_id, username, email)

    _note("their orders may still name them: run commerce_retire_learner", getattr(user, "id", None), retired)


#: Signal of the platform, by its name in ``lms.HOMES`` → receiver.
PLATFORM: dict[str, Callable[..., None]] = {
    "USER_ACCOUNT_ACTIVATED": learner_activated,
    "STUDENT_REGISTRATION_COMPLETED": learner_activated,
    "REFUND_ORDER": learner_left,
    "UNENROLL_DONE": enrollment_ended,
    "USER_RETIRE_MAILINGS": learner_retires,
    "USER_RETIRE_LMS_MISC": learner_retires,
    "USER_RETIRE_LMS_CRITICAL": learner_retires,
}


def _changed(user_id: int) -> None:
    from consumers.fulfillment import resume

    resume.learner_changed(user_id)


def _left(enrollment: Any, initiator: str) -> None:
    def left(user_id: int) -> None:
        from consumers.fulfillment import leaving

        leaving.left(user_id, str(enrollment.course_id), initiator)

    _note("what they left was not released", getattr(enrollment, "user_id", None), left)


def _note(otherwise: str, user_id: int | None, note: Callable[[int], None]) -> None:
    """Insert a row in a savepoint. The learner's request goes on, whatever happens here."""
    if user_id is None:
        return
    try:
        with transaction.atomic():
            note(user_id)
    except Exception as error:  # noqa: BLE001 – it is not the learner's fault; an operator reads the log
        log.error("user %s: %s: %s", user_id, otherwise, type(error).__name__)


def _is_there(name: str) -> bool:
    try:
        getattr(lms, name)
    except (ImportError, AttributeError):
        return False
    return True
