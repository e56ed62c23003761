"""One site with one store and two courses, for tests that read like the table of rules."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from consumers.fulfillment.rules.decision import Decision, LineResult
from consumers.fulfillment.rules.learner import Account, Accounts
from consumers.fulfillment.rules.machine import STATES, state_of
from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.reasons import REASONS
from consumers.fulfillment.rules.state import Course, Grant, Pair, Seat
from tests.model.memory import Memory
from tests.model.strategies import COURSES, World, line, order, refund, refund_line, resume

__all__ = ["COURSE", "OTHER", "Result", "Site", "buy", "give_back", "line", "order", "refund", "refund_line", "resume"]

COURSE, OTHER = COURSES
MODES = ["audit", "honor", "verified", "professional", "masters", "credit"]


#: How a purchase may have found the enrollment; empty: the line gave nothing.
FOUND = ("", "lower", "same", "better")


class Result(NamedTuple):
    """What a test says of a result; the rest is checked for every result by ``Site``."""

    outcome: str
    reason: str
    before: str | None = None
    after: str | None = None


def buy(order_id: str, mode: str = "verified", quantity: int = 1, user: int = 1, **fields: Any) -> Any:
    """An order of one line, ``a``, of one learner."""
    return order(order_id, {"lms_user_id": user}, [line("a", COURSE, mode, quantity)], **fields)


def give_back(order_id: str, total: int = 1, refund_id: str = "r1", **fields: Any) -> Any:
    """A refund of that line."""
    return refund(order_id, refund_id, [refund_line("a", total)], **fields)


class Site(Memory):
    """A ``Memory`` that answers in ``Result`` and holds every answer to the contract."""

    def __init__(self, modes: list[str] | None = None, source: Source | None = None, **policy: Any) -> None:
        super().__init__(World(dict.fromkeys(COURSES, modes if modes is not None else MODES)))
        self.policy = Policy(sources={"shop": source or Source()}, **policy)
        self.decision = Decision()

    def tell(self, *events: Any) -> list[Result]:
        """Deliver events; answer the results of the last one."""
        results: list[Result] = []
        for event in events:
            (self.decision,) = self.deliver(event)
            results = [self._checked(result, *event) for result in self.decision.lines]
        for grant in self.grants.values():
            assert state_of(grant) in STATES, grant
            assert grant.found in FOUND, grant
        return results

    def one(self, *events: Any) -> Result:
        """Deliver events; answer the only result of the last one."""
        (result,) = self.tell(*events)
        return result

    def _checked(self, result: LineResult, event_type: str, data: dict[str, Any]) -> Result:
        """What is so of every result, whatever its event was."""
        assert f"{result.action} {result.outcome}" in REASONS[result.reason_code].outcomes, result
        assert result.is_final == (result.outcome != "deferred")
        assert result.is_active_after == (result.mode_after is not None)
        assert result.refund_id == (data["refund_id"] if result.action == "revoke" else None)
        if result.line_id is None:
            assert result.quantity == 0
        grant = self.grants.get((data["order_key"], result.line_id)) if result.line_id else None
        if grant is not None and grant.content and result.reason_code not in ("test_order", "source_not_allowed"):
            assert (result.course_key, result.quantity) == (grant.course_key or None, grant.quantity)
            assert result.seats_used == (0 if result.action == "revoke" and not grant.is_live else grant.seats_used)
            if grant.pair is not None:
                assert result.lms_user_id == grant.pair.lms_user_id
        return Result(result.outcome, result.reason_code, result.mode_before, result.mode_after)

    def holds(self, user: int = 1, course_key: str = COURSE) -> str | None:
        """The mode a learner holds."""
        seat = self.seats.get(Pair(user, course_key))
        return seat.mode if seat and seat.is_active else None

    def set(self, mode: str | None, user: int = 1, course_key: str = COURSE) -> None:
        """Somebody else changes an enrollment."""
        self.seats[Pair(user, course_key)] = Seat(mode or "audit", mode is not None)

    def course(self, course_key: str = COURSE, **fields: Any) -> None:
        """Facts about a course."""
        self.courses[course_key] = replace(self.courses.get(course_key, Course()), **fields)

    def account(self, user: int, email: str = "", username: str = "", **fields: Any) -> None:
        """An account exists from now on."""
        account = Account(user, **fields)
        known = self.accounts
        self.accounts = Accounts(
            {**known.by_id, user: account},
            {**known.by_username, **({username: account} if username else {})},
            {**known.by_email, **({email: account} if email else {})})

    def grant(self, order_id: str = "o1", line_id: str = "a") -> Grant:
        """A line of the ledger."""
        return self.grants[f"shop:{order_id}", line_id]

    @property
    def states(self) -> list[str]:
        """The states of all lines, in the order they became known."""
        return [grant.state for grant in self.grants.values() if grant.line_id]


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    """A day."""
    return datetime(year, month, day, tzinfo=UTC)
