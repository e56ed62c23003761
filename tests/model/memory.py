"""A database made of dictionaries, and a platform made of another: what surrounds the rules in the model's tests.

It stores only what the rules marked dirty and gives the rules only what ``facts.py`` asked for, as copies, so a
forgotten flag or a forgotten fact shows.
"""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from consumers.fulfillment.rules.decide import decide
from consumers.fulfillment.rules.decision import Decision
from consumers.fulfillment.rules.facts import Needs
from consumers.fulfillment.rules.learner import Account, Accounts, resolve
from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.state import (
    WHOLE_ORDER,
    Access,
    Book,
    Course,
    Entitlement,
    EntitlementKey,
    Grant,
    Learner,
    Order,
    Pair,
    Seat,
)

from .sequential import End
from .strategies import (
    SOURCE,
    STRICT,
    Capacity,
    Certified,
    Clock,
    Embargo,
    Event,
    Fact,
    Registered,
    SeatSet,
    World,
)

NO_COURSE = Course(exists=False)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Memory:
    """Ledger, enrollments and accounts of one site."""

    def __init__(self, world: World, **policy: Any) -> None:
        self.policy = policy_of(world, **policy)
        self.courses = {key: course_of(world, key) for key in world.modes}
        self.embargoed: set[Pair] = set()
        self.certified: set[Pair] = set()
        self.refusals: dict[Any, str] = {}
        self.accounts = Accounts({1: Account(1), 2: Account(2)}, {}, {})
        self.orders: dict[str, Order] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.accesses: dict[Pair, Access] = {}
        self.seats: dict[Pair, Seat] = {}
        self.skus: dict[str, tuple[str, str]] = {}
        self.entitlements: dict[EntitlementKey, Entitlement] = {}
        self.runs = world.runs  # learner and course → runs that could be upgraded
        self.now = NOW

    def happen(self, fact: Fact) -> None:
        """An external fact."""
        if isinstance(fact, SeatSet):
            pair = Pair(fact.lms_user_id, fact.course_key)
            if fact.mode:
                self.seats[pair] = Seat(fact.mode, True)
            elif pair in self.seats:
                self.seats[pair] = self.seats[pair]._replace(is_active=False)
        elif isinstance(fact, Registered):
            account = Account(fact.lms_user_id, fact.is_active, fact.is_retired)
            self.accounts = Accounts({**self.accounts.by_id, fact.lms_user_id: account}, {}, {fact.email: account})
        elif isinstance(fact, Capacity):
            self.courses[fact.course_key] = replace(self.courses[fact.course_key], is_full=fact.is_full)
        elif isinstance(fact, Embargo):
            place = Pair(fact.lms_user_id, fact.course_key)
            (self.embargoed.add if fact.is_embargoed else self.embargoed.discard)(place)
        elif isinstance(fact, Certified):
            self.certified.add(Pair(fact.lms_user_id, fact.course_key))
        elif isinstance(fact, Clock):
            self.now = fact.now

    def learner(self, identifiers: dict[str, Any]) -> Learner:
        return resolve(identifiers, self.accounts)

    def entitlement(self, key: EntitlementKey) -> Entitlement:
        """What the platform says of one."""
        return self.entitlements.get(key) or Entitlement(runs=self.runs.get((key.lms_user_id, key.course_uuid), ()))

    def deliver(self, *group: Event) -> list[Decision]:
        """A group of events in one transaction."""
        book = self.load(*group)
        decisions = [decide(event_type, data, book, self.learner, self.policy, self.now) for event_type, data in group]
        self.save(book)
        return decisions

    def load(self, *group: Event) -> Book:
        rows: dict[tuple[str, str], Grant] = {}

        def grant(row: Grant) -> Grant:  # one row, one object
            return rows.setdefault((row.order_key, row.line_id), replace(row, dirty=False))

        book = Book(embargoed=self.embargoed, certified=self.certified, refusals=self.refusals)
        needs = Needs(self.policy.revoke_unknown_grants)
        for event_type, data in group:
            key = data["order_key"]
            if key in self.orders and key not in book.orders:
                book.orders[key] = replace(self.orders[key], dirty=False, grants={
                    row.line_id: grant(row) for row in self.grants.values() if row.order_key == key})
            needs.add(event_type, data, book.orders.get(key))
        book.skus = {sku: self.skus.get(sku) for sku in needs.skus}
        needs.sold(book.skus)
        book.entitlements = {key: self.entitlement(key) for key in needs.entitlements(self.learner)}
        needs.entitled(book.entitlements)
        book.courses = {course_key: self.courses.get(course_key, NO_COURSE) for course_key in needs.courses}
        for pair in needs.pairs(self.learner):
            book.seats[pair] = self.seats.get(pair)
            if pair in self.accesses:
                book.accesses[pair] = replace(self.accesses[pair], dirty=False, grants=[
                    grant(row) for row in self.grants.values() if row.pair == pair])
        return book

    def save(self, book: Book) -> None:
        for order in book.orders.values():
            if order.dirty or order.order_key not in self.orders:
                self.orders[order.order_key] = order
            for grant in order.grants.values():
                self._save(grant)
        for access in book.accesses.values():
            if access.dirty:
                self.accesses[access.pair] = access
            for grant in access.grants:
                self._save(grant)
        self.seats.update(book.changed)
        for key, _, run in (change for change in book.entitled.values() if change.is_active):
            self.entitlements.setdefault(key, Entitlement(exists=True, run=run))
        for key in [key for key, change in book.entitled.items() if not change.is_active and key in self.entitlements]:
            self.entitlements[key] = self.entitlements[key]._replace(is_expired=True)

    def _save(self, grant: Grant) -> None:
        if grant.dirty:
            self.grants[grant.order_key, grant.line_id] = grant

    def end(self) -> End:
        """What the property compares."""
        lines = {key: grant for key, grant in self.grants.items() if grant.line_id != WHOLE_ORDER}
        return End({tuple(pair): seat.mode for pair, seat in self.seats.items() if seat.is_active},
                   {key for key, grant in lines.items() if grant.is_live},
                   {key: grant.refunded_total for key, grant in lines.items()},
                   {key for key, grant in lines.items() if grant.state == "waiting"},
                   {(key.order_key, key.line_id) for key, known in self.entitlements.items() if not known.is_expired})


def policy_of(world: World, **more: Any) -> Policy:
    """What the site of a world chose."""
    return Policy(sources={SOURCE: Source(), STRICT: Source(force_enrollment=False)},
                  refund_policy=world.refund_policy, certificate_policy=world.certificate_policy, **more)


def course_of(world: World, course_key: str) -> Course:
    """A course of a world, as its platform answers."""
    modes: dict[str, datetime | None] = dict.fromkeys(world.modes[course_key])
    if "verified" in modes:
        modes["verified"] = world.expires.get(course_key)
    return Course(modes=modes, enrollment_end=world.ends.get(course_key),
                  invitation_only=course_key in world.invited)
