"""The property is worth its time only if it finds what goes wrong: each bug planted here must be found.

Each was a real mistake of somebody: in an earlier text of the rules, in this code, or in a store's integration.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from consumers.fulfillment.rules import (
    checks,
    decide,
    decision,
    desired,
    entitlement,
    purchase,
    refund,
    seat,
    state,
    ungranted,
)
from consumers.fulfillment.rules.state import Access, Book, Grant, Order, Seat

from .memory import Memory
from .strategies import Event, deliveries, worlds
from .test_commutation import same_end

pytestmark = pytest.mark.slow

Plant = Callable[[pytest.MonkeyPatch], type[Memory] | None]


def totals_are_added(patch: pytest.MonkeyPatch) -> None:
    fold = refund._fold

    def add(grant: Grant, line: dict[str, Any] | None, *rest: Any) -> None:
        before = grant.refunded_total
        fold(grant, line, *rest)
        if line is not None:
            grant.refunded_total = before + line["quantity"]

    patch.setattr(refund, "_fold", add)


def a_grant_moves_the_base(patch: pytest.MonkeyPatch) -> None:
    converge = seat.converge

    def moving(case: Any, access: Access) -> Any:
        answer = converge(case, access)
        access.base = answer[0]
        return answer

    patch.setattr(seat, "converge", moving)


def the_last_hint_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refund, "strictest", lambda left, right: right)


def a_refund_before_paid_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forgetful(case: Any, data: dict[str, Any]) -> None:
        order = case.book.orders.get(data["order_key"])
        if order is not None:
            order.grants = {key: grant for key, grant in order.grants.items() if grant.content or not key}
        purchase.paid(case, data)

    patch.setitem(decide._RULES, decide.ORDER_PAID, forgetful)


def a_full_refund_reaches_only_the_lines_it_finds(patch: pytest.MonkeyPatch) -> None:
    def bare(order: Order, line_id: str) -> Grant:
        return order.grants.setdefault(line_id, Grant(order.order_key, line_id, "refunded", dirty=True))

    patch.setattr(purchase, "new_line", bare)
    patch.setattr(refund, "new_line", bare)


def a_tombstone_made_after_a_full_refund_does_not_know_it(patch: pytest.MonkeyPatch) -> None:
    def bare(order: Order, line_id: str) -> Grant:
        return order.grants.setdefault(line_id, Grant(order.order_key, line_id, "refunded", dirty=True))

    patch.setattr(refund, "new_line", bare)


def staffs_change_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    def blind(case: Any, pair: Any) -> Access:
        access = case.book.accesses.get(pair)
        if access is None:
            access = case.book.accesses[pair] = Access(pair, desired.held(case.book.seats[pair]), Seat("", False))
        return access

    patch.setattr(seat, "access_of", blind)


def older_grants_count_after_staffs_change(patch: pytest.MonkeyPatch) -> None:
    access_of = seat.access_of

    def remembering(case: Any, pair: Any) -> Access:
        access = access_of(case, pair)
        for grant in access.grants:
            if grant.state == "overridden":
                grant.state = "active"
        return access

    patch.setattr(seat, "access_of", remembering)


def the_last_purchase_sets_the_mode(patch: pytest.MonkeyPatch) -> None:
    real = desired.desired

    def last(access: Access, modes: Any, worth: Any) -> str | None:
        live = [grant.mode for grant in access.grants if grant.is_live]
        return live[-1] if live else real(access, modes, worth)

    patch.setattr(desired, "desired", last)


def a_refunded_line_is_enrolled_unless_it_fails(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state.Grant, "is_reversed", property(lambda grant: grant.is_full))


def kept_access_is_lost_when_the_refund_came_first(patch: pytest.MonkeyPatch) -> None:
    grant_it = seat.grant_it

    def losing(case: Any, access: Access, grant: Grant, before: str | None) -> str:
        reason = grant_it(case, access, grant, before)
        if reason == "access_kept":
            grant.state, reason = "skipped", "refund_before_paid"
        return reason

    patch.setattr(seat, "grant_it", losing)


def the_hint_of_a_skipped_line_is_lost(patch: pytest.MonkeyPatch) -> None:
    grant_it = seat.grant_it

    def losing(case: Any, access: Access, grant: Grant, before: str | None) -> str:
        reason = grant_it(case, access, grant, before)
        if reason == "refund_before_paid":
            grant.found = ""
        return reason

    patch.setattr(seat, "grant_it", losing)


def a_full_course_asks_for_a_live_grant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_was_seated", lambda access: any(grant.is_live for grant in access.grants))


def seats_are_found_without_their_owner(patch: pytest.MonkeyPatch) -> type[Memory]:
    class Ownerless(Memory):
        def load(self, *group: Event) -> Book:
            book = super().load(*group)
            for pair in book.seats:
                book.seats[pair] = next(
                    (seat for other, seat in self.seats.items() if other.course_key == pair.course_key), None)
            return book

    return Ownerless


def grants_are_found_without_their_owner(patch: pytest.MonkeyPatch) -> type[Memory]:
    class Ownerless(Memory):
        def load(self, *group: Event) -> Book:
            book = super().load(*group)
            for pair, access in book.accesses.items():
                access.grants = [grant for other in book.accesses.values() for grant in other.grants
                                 if grant.pair and grant.pair.course_key == pair.course_key]
                mine = {(grant.order_key, grant.line_id) for grant in access.grants}
                access.grants += [grant for key, grant in self.grants.items()
                                  if grant.pair and grant.pair.course_key == pair.course_key and key not in mine]
            return book

    return Ownerless


def a_change_is_not_saved(patch: pytest.MonkeyPatch) -> type[Memory]:
    class Careless(Memory):
        def save(self, book: Book) -> None:
            for access in book.accesses.values():
                access.dirty = access.pair not in self.accesses
            super().save(book)

    return Careless


def the_day_of_arrival_decides_a_deadline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "_paid_by", lambda grant, expiry, case: False)


def a_closed_window_does_not_ask_when_it_was_paid(patch: pytest.MonkeyPatch) -> None:
    def by_the_clock(case: Any, course: Any, grant: Grant) -> bool:
        return window(case, course, replace(grant, paid_at=None))

    window = checks._window_is_open
    patch.setattr(checks, "_window_is_open", by_the_clock)


def an_embargo_stops_only_who_has_no_seat(patch: pytest.MonkeyPatch) -> None:
    def lenient(case: Any, course: Any, access: Access, grant: Grant) -> tuple[str, bool]:
        reason, is_held = refusal(case, course, access, grant)
        return ("", False) if reason == "learner_embargoed" and access.base else (reason, is_held)

    refusal = seat.refusal
    patch.setattr(seat, "refusal", lenient)


def a_retired_learner_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(ungranted._WITHOUT_LEARNER, "retired", ("learner_not_found", "waiting"))


def an_unproved_address_is_served(patch: pytest.MonkeyPatch) -> type[Memory]:
    class Trusting(Memory):
        def learner(self, identifiers: dict[str, Any]) -> state.Learner:
            found = super().learner(identifiers)
            return found if found.status != "inactive" else state.Learner("found", found.lms_user_id)

    return Trusting


def who_waited_too_long_is_served_all_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(decide._RULES, decide.LINES_EXPIRED, lambda case, data: None)


def a_discarded_line_comes_back(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(decide._RULES, decide.LINES_DISCARDED, lambda case, data: None)


def a_refund_leaves_the_entitlement(patch: pytest.MonkeyPatch) -> None:
    revoke = seat.revoke
    patch.setattr(entitlement, "revoke", lambda *given: revoke(*given) if given[2].course_key else
                  decision.acknowledge(given[2], given[3], "revoked", "ok"))


def an_entitlement_upgrades_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entitlement, "run_of", lambda known: known.run)


def a_refunded_entitlement_is_created_all_the_same(patch: pytest.MonkeyPatch) -> None:
    unspent = entitlement._unspent

    def generous(grant: Grant, user: int) -> decision.LineResult:
        result = unspent(grant, user)
        grant.state = "active"
        return result

    patch.setattr(entitlement, "_unspent", generous)


BUGS: list[Plant] = [
    totals_are_added, a_grant_moves_the_base, the_last_hint_wins, a_refund_before_paid_is_forgotten,
    a_full_refund_reaches_only_the_lines_it_finds, a_tombstone_made_after_a_full_refund_does_not_know_it,
    staffs_change_is_not_noticed, older_grants_count_after_staffs_change, the_last_purchase_sets_the_mode,
    a_refunded_line_is_enrolled_unless_it_fails, kept_access_is_lost_when_the_refund_came_first,
    the_hint_of_a_skipped_line_is_lost, a_full_course_asks_for_a_live_grant, seats_are_found_without_their_owner,
    grants_are_found_without_their_owner, a_change_is_not_saved, the_day_of_arrival_decides_a_deadline,
    a_closed_window_does_not_ask_when_it_was_paid, an_embargo_stops_only_who_has_no_seat,
    a_retired_learner_is_waited_for, an_unproved_address_is_served, who_waited_too_long_is_served_all_the_same,
    a_discarded_line_comes_back, a_refund_leaves_the_entitlement, an_entitlement_upgrades_nothing,
    a_refunded_entitlement_is_created_all_the_same,
]


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    site = plant(monkeypatch) or Memory

    @settings(max_examples=2000, deadline=None, database=None, derandomize=True, phases=[Stage.generate],
              report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def look(data: st.DataObject) -> None:
        world = data.draw(worlds())
        same_end(world, data.draw(deliveries(world)), site)

    with pytest.raises(AssertionError):
        look()
