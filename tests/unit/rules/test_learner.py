"""Who an order is for: R3, R4, R6."""
from __future__ import annotations

import pytest

from consumers.fulfillment.rules.learner import Account, Accounts, key, resolve, wanted
from consumers.fulfillment.rules.state import Learner

ONE, TWO, ASLEEP, GONE = Account(1), Account(2), Account(3, is_active=False), Account(4, is_retired=True)
ACCOUNTS = Accounts(
    {1: ONE, 2: TWO, 3: ASLEEP, 4: GONE}, {"one": ONE, "two": TWO, "asleep": ASLEEP, "retired": GONE},
    {"one@example.com": ONE, "two@example.com": TWO, "asleep@example.com": ASLEEP,
     "retired@example.com": GONE})


@pytest.mark.parametrize(("given", "learner"), [
    ({}, Learner("unidentified")),
    ({"username": "", "email": ""}, Learner("unidentified")),
    ({"lms_user_id": 1}, Learner("found", 1)),
    ({"lms_user_id": 1, "username": "one", "email": "ONE@example.com"}, Learner("found", 1)),
    ({"username": "one"}, Learner("found", 1)),
    ({"email": " One@Example.com "}, Learner("found", 1)),
    ({"lms_user_id": 1, "username": "former", "email": "former@example.com"},
     Learner("found", 1, ("username", "email"))),
    ({"username": "one", "email": "former@example.com"}, Learner("found", 1, ("email",))),
    ({"lms_user_id": 1, "username": "two"}, Learner("conflict")),
    ({"lms_user_id": 1, "email": "two@example.com"}, Learner("conflict")),
    ({"username": "one", "email": "two@example.com"}, Learner("conflict")),
    ({"lms_user_id": 9, "email": "one@example.com"}, Learner("conflict")),
    ({"username": "former", "email": "one@example.com"}, Learner("conflict")),
    ({"lms_user_id": 9}, Learner("unknown")),
    ({"email": "learner@example.com"}, Learner("unknown")),
    ({"email": "asleep@example.com"}, Learner("inactive", 3)),
    ({"lms_user_id": 3, "email": "asleep@example.com"}, Learner("found", 3)),
    ({"username": "asleep"}, Learner("found", 3)),
    ({"lms_user_id": 4}, Learner("retired", 4)),
    ({"email": "Retired@example.com"}, Learner("retired", 4)),
    ({"username": "retired"}, Learner("retired", 4)),
])
def test_r03_r04_r06_all_identifiers_must_point_to_one_account(given: dict, learner: Learner) -> None:
    assert resolve(given, ACCOUNTS) == learner


def test_what_to_look_up_for_a_group() -> None:
    group = wanted([{"lms_user_id": 1, "email": "A@example.com"}, {"username": "one", "email": "a@example.com"},
                    {"lms_user_id": 2}])
    assert (group.ids, group.usernames, group.emails) == ({1, 2}, {"one"}, {"a@example.com"})


def test_the_key_of_a_learner_ignores_what_does_not_identify() -> None:
    assert key({"email": "A@example.com", "email_verified": True}) == key({"email": "a@example.com"})
