"""What else the rules ask about a learner in a course: embargo, certificates, the refund window (R24, R29, R38)."""
from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.utils.functional import SimpleLazyObject

from consumers.fulfillment.platform import lms
from consumers.fulfillment.platform.accounts import users
from consumers.fulfillment.platform.attributes import DATE_FORMAT
from consumers.fulfillment.platform.courses import key_of
from consumers.fulfillment.rules.state import Pair


def embargoed(pairs: Collection[Pair]) -> list[Pair]:
    """Pairs whose learner lives where the course may not be taken. A user is read only if the course is restricted."""
    return [
        pair for pair, key in _keys(pairs)
        if not lms.check_course_access(key, user=SimpleLazyObject(partial(_user, pair.lms_user_id)))
    ]  # fmt: skip


def certified(pairs: Collection[Pair]) -> list[Pair]:
    """Pairs with a certificate that the platform would not refund either."""
    people = users({pair.lms_user_id for pair in pairs})
    found = []
    for pair, key in _keys(pairs):
        user = people.get(pair.lms_user_id)
        certificate = lms.get_certificate_for_user_id(user, key) if user is not None else None
        if certificate is not None and not lms.CertificateStatuses.is_refundable_status(certificate.status):
            found.append(pair)
    return found


def within_refund_window(pairs: Collection[Pair]) -> list[Pair]:
    """Pairs whose window is open: counted from the order or the course's start, as the platform counts it.

    The platform's own answer (``refundable``) is not asked: it may call a store over HTTP.
    """
    until = datetime.now(UTC) - lms.EnrollmentRefundConfiguration.current().refund_window
    keys = dict(_keys(pairs))
    rows = lms.CourseEnrollment.objects.filter(
        user_id__in={pair.lms_user_id for pair in keys}, course_id__in=set(keys.values())
    ).order_by()
    orders = rows.filter(attributes__namespace="order", attributes__name="date_placed")
    placed = dict(orders.order_by("attributes__id").values_list("id", "attributes__value"))
    found = []
    for row, user, key, created, start in rows.values_list("id", "user_id", "course_id", "created", "course__start"):
        begun = [time for time in (_time(placed.get(row)) or created, start) if time is not None]
        pair = Pair(user, str(key))
        if pair in keys and begun and max(begun) >= until:
            found.append(pair)
    return found


def _time(text: str | None) -> datetime | None:
    """When an order was placed; None if another system wrote something else there."""
    try:
        return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None


def _keys(pairs: Collection[Pair]) -> list[tuple[Pair, Any]]:
    return [(pair, key) for pair in pairs if (key := key_of(pair.course_key)) is not None]


def _user(user_id: int) -> Any:
    """The user; nobody in particular if the account was deleted."""
    from django.contrib.auth.models import AnonymousUser  # a module of models: it needs settings

    return users([user_id]).get(user_id) or AnonymousUser()
