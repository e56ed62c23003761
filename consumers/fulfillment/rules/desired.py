"""The desired enrollment: one pure function of the ledger and the base. Everything else only feeds it.

No grant ever moves the base, so purchases and refunds commute: whatever the order of events, the same grants and the
same base give the same enrollment. Only somebody else's change moves the base – and then our older grants and hints
count no more, because that person saw their effect and chose differently.
"""
from __future__ import annotations

from collections.abc import Mapping

from .decision import Case
from .state import Access, Pair, Seat

#: What ``downgrade`` lowers a learner to.
AUDIT = "audit"
#: States of grants that count no more.
_PAST = ("overridden", "released")
_INACTIVE = Seat("", False)


def held(seat: Seat | None) -> str | None:
    """The mode a learner holds; None when there is no enrollment or an inactive one, which count as equal."""
    return seat.mode if seat is not None and seat.is_active else None


def desired(access: Access, modes: Mapping[str, object], worth: Mapping[str, int]) -> str | None:
    """The mode the learner should hold, or None for no active enrollment (R22, R25, R26).

    The best of the grants that count – live ones, and refunded ones whose access is kept – and what lies below them:
    the base, audit if a refund asked to downgrade, nothing if one asked to deactivate.

    Arguments:
        access: base and grants of one learner in one course.
        modes: the course's modes; a base that no longer exists cannot be restored once a refunded grant stood above it.
        worth: mode → how good. A base that is not ranked is never touched.
    """
    base = access.base
    if base is not None and base not in worth:
        return base
    best: str | None = None
    best_worth = 0
    left = 0  # the best mode that a refund took away
    deactivate = downgrade = False
    for grant in access.grants:
        state = grant.state
        if not grant.found or state in _PAST:
            continue
        value = worth.get(grant.mode, 0)
        if state == "kept" or state == "held" or (
                state == "active" and (grant.hint == "keep" or not grant.is_reversed)):
            if value > best_worth:
                best, best_worth = grant.mode, value
            continue
        left = max(left, value)
        if grant.hint == "deactivate":
            deactivate = True
        elif grant.hint == "downgrade":
            downgrade = True
    if deactivate:
        return best
    lowered = AUDIT if downgrade else base
    if lowered is None or worth.get(lowered, 0) <= best_worth:
        return best
    # A mode that the course lacks cannot be given: neither audit, nor a base that a refunded grant stood above.
    if lowered not in modes and (lowered != base or left > worth.get(lowered, 0)):
        return best
    return lowered


def access_of(case: Case, pair: Pair) -> Access:
    """The pair's access, after noticing whether anybody else changed the enrollment since we set it.

    Every decision begins here: if the enrollment is not what we set last (or we set none yet), it becomes the base and
    older grants are overridden.
    """
    book = case.book
    seat = book.seats[pair]
    access = book.accesses.get(pair)
    if access is None:
        access = book.accesses[pair] = Access(pair)
    mode = held(seat)
    if access.last_set is None or held(access.last_set) != mode:
        access.base = mode
        access.last_set = seat if seat is not None else _INACTIVE
        access.dirty = True
        for grant in access.grants:
            if grant.found and grant.state not in _PAST:
                grant.state = "overridden"
                grant.dirty = True
    return access


def converge(case: Case, access: Access) -> tuple[str | None, bool]:
    """Bring the enrollment to what is desired.

    Returns:
        The mode held now, and whether the platform let us: False if it refused to change this pair before; nothing was
        changed then, and the caller decides what its line makes of it.
    """
    book = case.book
    pair = access.pair
    mode = held(book.seats[pair])
    wanted = desired(access, book.courses[pair.course_key].modes, case.policy.worth)
    if wanted == mode:
        return mode, True
    if pair in book.refusals:
        return mode, False
    new = Seat(wanted, True) if wanted is not None else Seat(mode or "", False)
    book.seats[pair] = book.changed[pair] = access.last_set = new
    access.dirty = True
    return wanted, True
