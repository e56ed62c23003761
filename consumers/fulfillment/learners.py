"""Learners of a group of orders, looked up in one go and answered from memory."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.rules import learner as rules
from consumers.fulfillment.rules.state import Learner

Key = tuple[Any, Any, Any]


class Directory:
    """Answers ``LearnerData`` → learner for everybody who was looked up. A missing one is a KeyError, never a guess."""

    def __init__(self) -> None:
        self._known: dict[Key, Learner] = {}

    def __call__(self, who: Mapping[str, Any]) -> Learner:
        """The learner of one ``LearnerData``."""
        return self._known[who.get("lms_user_id"), who.get("username"), who.get("email")]

    def look_up(self, group: Iterable[Mapping[str, Any]], gateway: Gateway) -> None:
        """Find the learners of a group: one call of the gateway, whatever their number."""
        once = {id(who): who for who in group}.values()  # the lines of an order share their buyer
        asked = {(who.get("lms_user_id"), who.get("username"), who.get("email")): who for who in once}
        wanted = rules.wanted(asked.values())
        found = gateway.accounts(wanted.ids, wanted.usernames, wanted.emails) if _any(wanted) else ()
        by_id: dict[int, rules.Account] = {}
        by_username: dict[str, rules.Account] = {}
        by_email: dict[str, rules.Account] = {}
        ambiguous: set[str] = set()
        for user_id, username, email, is_active, is_retired in found:
            account = by_id[user_id] = by_username[username] = rules.Account(user_id, is_active, is_retired)
            if email and wanted.emails:
                folded = rules.fold(email)
                if by_email.setdefault(folded, account).lms_user_id != user_id:
                    ambiguous.add(folded)
        accounts = rules.Accounts(by_id, by_username, by_email)
        for user_id in by_id:  # a line that was decided before is decided again by its user's id alone
            asked.setdefault((user_id, None, None), {"lms_user_id": user_id})
        for key, who in asked.items():
            given_id, name, address = key
            if name is None and address is None and given_id in by_id and not by_id[given_id].is_retired:
                self._known[key] = Learner("found", given_id)  # nearly every order: an id, and nothing else
            elif ambiguous and address and rules.fold(address) in ambiguous:
                # two accounts under one address, told apart only by case: no order may be delivered to either
                self._known[key] = Learner("conflict")
            else:
                self._known[key] = rules.resolve(who, accounts)


def _any(wanted: rules.Wanted) -> bool:
    return bool(wanted.ids or wanted.usernames or wanted.emails)
