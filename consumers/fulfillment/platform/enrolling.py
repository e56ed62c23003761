"""Carry out what the rules decided: enroll, upgrade, restore, deactivate.

The platform sends its e-mails and events while it enrolls and takes none of them back when we roll back. So what can be
seen beforehand is looked at for all changes first, the first refusal ends the work, and one statement verifies at the
end that everything is as it was asked: a filter of the site may enroll another user, or in another course or mode.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from consumers.fulfillment.gateway import Change
from consumers.fulfillment.platform import attributes, lms, seats
from consumers.fulfillment.platform.accounts import users
from consumers.fulfillment.platform.courses import key_of
from consumers.fulfillment.platform.refusals import RefusedError, understood
from consumers.fulfillment.rules.desired import held
from consumers.fulfillment.rules.state import Pair

#: What a change is refused with that the platform would break on, or did not carry out: a person looks.
UNFIT = "internal_error"


def apply(changes: Sequence[Change]) -> dict[Pair, str]:
    """Make the enrollments so; answers what was refused."""
    people = users({change.pair.lms_user_id for change in changes})
    refused = {}
    for change in changes:
        try:
            _look(change, people.get(change.pair.lms_user_id))
        except RefusedError as refusal:
            refused[change.pair] = refusal.reason
    if refused:
        return refused
    for change in changes:
        try:
            with understood():
                _carry_out(change, people[change.pair.lms_user_id])
        except RefusedError as refusal:
            return {change.pair: refusal.reason}
    now = seats.find([change.pair for change in changes], lock=False)
    return {pair: UNFIT for pair, _, after, _ in changes if held(now.get(pair)) != held(after)}


def _look(change: Change, user: Any) -> None:
    """Refuse what the platform would refuse after it told the world."""
    if user is None:
        raise RefusedError("learner_not_found")
    try:
        user.profile  # noqa: B018 – without one the platform breaks after it saved the enrollment
    except ObjectDoesNotExist as error:
        raise RefusedError(UNFIT) from error
    if key_of(change.pair.course_key) is None:
        raise RefusedError("course_key_invalid")
    if change.after.is_active:
        with understood():
            lms.validate_course_mode(change.pair.course_key, change.after.mode, include_expired=True)


def _carry_out(change: Change, user: Any) -> None:
    (_, course_key), before, after, line = change
    key = key_of(course_key)
    if not after.is_active:
        # skip_refund: otherwise the platform would ask the store, or an old one, to give the money back
        lms.CourseEnrollment.unenroll(user, key, skip_refund=True)
        return
    if before is None or not before.is_active:
        # not through the API: it enrolls in the default mode first. can_upgrade overrules a closed window, which the
        # rules have judged; a full course, a missing one and filters still refuse.
        lms.CourseEnrollment.enroll(user, key, mode=after.mode, check_access=True, can_upgrade=True)
    elif before.mode != after.mode:
        lms.update_enrollment(user.username, course_key, mode=after.mode, include_expired=True)
    if line is not None:
        attributes.merge(user, course_key, line)
