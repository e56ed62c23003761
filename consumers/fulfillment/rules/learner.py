"""Who an order is for (R3, R4, R6): all identifiers must point to one account, and none may be trusted alone.

Pure: the caller looks the accounts up in bulk (``wanted`` says by what) and passes what it found.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .state import Learner

Key = tuple[int | None, str | None, str | None]


class Account(NamedTuple):
    """What must be known of a user."""

    lms_user_id: int
    is_active: bool = True
    is_retired: bool = False


@dataclass(slots=True)
class Accounts:
    """Accounts by each identifier, retired ones also by the name and e-mail they once had.

    E-mail addresses are folded by ``fold``; user names are compared as they are.
    """

    by_id: Mapping[int, Account] = field(default_factory=dict)
    by_username: Mapping[str, Account] = field(default_factory=dict)
    by_email: Mapping[str, Account] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """What to look up for a group of learners."""

    ids: set[int] = field(default_factory=set)
    usernames: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)


def fold(email: str) -> str:
    """E-mail addresses match without regard to case."""
    return email.strip().lower()


def key(identifiers: Mapping[str, Any]) -> Key:
    """What tells two ``LearnerData`` apart as far as identity goes; a key for the caller's memory."""
    email = identifiers.get("email")
    return identifiers.get("lms_user_id"), identifiers.get("username") or None, fold(email) if email else None


def wanted(learners: Iterable[Mapping[str, Any]]) -> Wanted:
    """All identifiers of a group of learners."""
    result = Wanted()
    for identifiers in learners:
        user_id, username, email = key(identifiers)
        if user_id is not None:
            result.ids.add(user_id)
        if username:
            result.usernames.add(username)
        if email:
            result.emails.add(email)
    return result


def resolve(identifiers: Mapping[str, Any], accounts: Accounts) -> Learner:
    """Find the one account that all given identifiers point to.

    A user name or e-mail that matches nobody beside a valid id is stale (people change both); one that matches
    *another* user is a conflict, and so is an id that matches nobody beside a name or e-mail that does.
    """
    user_id, username, email = key(identifiers)
    if user_id is None and username is None and email is None:
        return Learner("unidentified")
    matches = {
        "lms_user_id": accounts.by_id.get(user_id) if user_id is not None else None,
        "username": accounts.by_username.get(username) if username is not None else None,
        "email": accounts.by_email.get(email) if email is not None else None,
    }
    found = {account.lms_user_id: account for account in matches.values() if account is not None}
    if len(found) > 1:
        return Learner("conflict")
    given = [name for name, value in zip(matches, (user_id, username, email), strict=True) if value is not None]
    strongest = given[0]
    if found and matches[strongest] is None:
        return Learner("conflict")
    if not found:
        return Learner("unknown")
    account = next(iter(found.values()))
    if account.is_retired:
        return Learner("retired", account.lms_user_id)
    if strongest == "email" and not account.is_active:
        return Learner("inactive", account.lms_user_id)
    return Learner("found", account.lms_user_id, tuple(name for name in given if matches[name] is None))
