"""Accounts of the platform, and who has retired (R3–R6).

Retirement goes in steps over days: the e-mail is replaced by a hash when it is requested, the user name later, and the
row of ``UserRetirementStatus``, which holds both as they were, is deleted at the end. So an identifier is looked for as
it is, in that row, and as the hashes that the platform makes of it.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Lower

from consumers.fulfillment.gateway import Account
from consumers.fulfillment.platform import lms

settings: Any = django_settings  # those of the platform are not known to type checkers

_COLUMNS = ("id", "username", "email", "is_active", "userretirementstatus__id")
_RETIRED = ("user_id", "user__is_active", "original_username", "original_email")


def find(user_ids: Collection[int], usernames: Collection[str], emails: Collection[str]) -> list[Account]:
    """Every account that has, or once had, one of these; one statement by id, two by each of the others."""
    found: list[Account] = []
    people, retirements = get_user_model().objects, lms.UserRetirementStatus.objects
    if user_ids:
        # a number that the column cannot hold would be an error on some databases
        _, most = connection.ops.integer_field_range(people.model._meta.pk.get_internal_type())
        found += _accounts(people.filter(id__in=[user_id for user_id in user_ids if user_id <= most]))
    if usernames:
        once = _hashes(usernames, lms.get_all_retired_usernames, settings.RETIRED_USERNAME_FMT)
        called = _accounts(people.filter(username__in=[*usernames, *once]))
        found += [row._replace(username=once.get(row.username, row.username)) for row in called]
        found += _retired(retirements.filter(original_username__in=usernames))
    if emails:
        once = _hashes(emails, lms.get_all_retired_emails, settings.RETIRED_EMAIL_FMT)
        called = _accounts(_without_case(people, "email", [*emails, *once]))
        found += [row._replace(email=once.get(row.email, row.email)) for row in called]
        found += _retired(_without_case(retirements, "original_email", emails))
    return found


def once_called(user_ids: Collection[int] | None) -> list[Account]:
    """Accounts by their id, or all, as they were called before they retired."""
    rows = lms.UserRetirementStatus.objects.all()
    return _retired(rows if user_ids is None else rows.filter(user_id__in=user_ids))


def users(user_ids: Iterable[int]) -> dict[int, Any]:
    """Users by their id, each read once in a decision, together with its profile; some have none."""
    known: dict[int, Any] = lms.RequestCache("commerce_fulfillment.users").data
    unread = [user_id for user_id in user_ids if user_id not in known]
    if unread:
        model: Any = get_user_model()
        known.update((user.pk, user) for user in model.objects.select_related("profile").filter(pk__in=unread))
    return {user_id: known[user_id] for user_id in user_ids if user_id in known}


def _accounts(users: QuerySet[Any]) -> list[Account]:
    return [
        Account(user_id, name, email, is_active, retirement is not None or _is_hashed(name, email))
        for user_id, name, email, is_active, retirement in users.values_list(*_COLUMNS)
    ]


def _retired(retirements: QuerySet[Any]) -> list[Account]:
    return [
        Account(user_id, name, email, is_active, is_retired=True)
        for user_id, is_active, name, email in retirements.values_list(*_RETIRED)
    ]


def _hashes(texts: Iterable[str], hashes: Callable[..., Iterable[str]], form: str) -> dict[str, str]:
    """What the platform makes of identifiers that retire, with every salt it ever had → the identifier."""
    return {hashed: text for text in texts for hashed in hashes(text, settings.RETIRED_USER_SALTS, form)}


def _is_hashed(username: str, email: str) -> bool:
    """Whether name or e-mail is one that retirement left: nobody else may register such a one."""
    before, _, after = settings.RETIRED_EMAIL_FMT.partition("{}")
    return username.startswith(settings.RETIRED_USERNAME_PREFIX) or (
        email.startswith(before) and email.endswith(after)
    )


def _without_case(rows: Any, column: str, texts: Collection[str]) -> QuerySet[Any]:
    """Rows by a text in any case. MySQL's collations do that by themselves, and by the index."""
    if connection.vendor == "mysql":
        return rows.filter(**{f"{column}__in": texts})  # type: ignore[no-any-return]
    lowered = rows.annotate(folded=Lower(column))
    return lowered.filter(folded__in=[text.lower() for text in texts])  # type: ignore[no-any-return]
