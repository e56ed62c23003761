"""The state that the rules read and write: plain objects, no Django, no Kafka, no clock.

A ``Book`` is the unit of work of a group of orders: the caller loads it from the database under the locks, the rules
change it, the caller writes what is dirty. Purity means: same book, same event, same clock – same decisions.

Objects are compared by identity: a grant that stands in its order *and* in its pair's access is one object in both.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

#: The product kind of a right to one run of a course (R41).
ENTITLEMENT = "course_entitlement"
#: Kinds whose lines name no course, so that neither course nor SKU is looked up.
COURSELESS = (ENTITLEMENT, "donation", "other")
#: ``Grant.line_id`` of the tombstone of a whole order: a full refund or a chargeback reverses lines not seen yet, too.
WHOLE_ORDER = ""


class Seat(NamedTuple):
    """What a learner holds in a course, as the platform shows it. No row and an inactive row count as equal."""

    mode: str
    is_active: bool


class Pair(NamedTuple):
    """One learner in one course: the unit of course access. With ``course_key`` "": a learner, and no course yet."""

    lms_user_id: int
    course_key: str


@dataclass(slots=True, eq=False)
class Grant:
    """One order line in the ledger, or the tombstone of one that was refunded before it was paid.

    A tombstone has no ``content`` yet. Only a grant that was ``found`` to be grantable counts in the computation of
    the desired enrollment: a line that failed or waits never moved anything, so its refund must not move anything.
    """

    order_key: str
    line_id: str
    state: str  # waiting held active refunded kept released overridden skipped failed
    pair: Pair | None = None
    product_kind: str = "course_seat"
    course_key: str = ""  # known before the learner is, hence beside ``pair``
    mode: str = ""
    paid_at: datetime | None = None
    quantity: int = 0
    seats_used: int = 0
    refunded_total: int = 0
    ordered_quantity: int = 0  # as a refund told it; informational while the paid event is unknown
    is_full: bool = False
    chargeback: bool = False
    hint: str = ""  # the strictest access policy its refunds asked for: "" keep default downgrade deactivate
    found: str = ""  # how the purchase found the enrollment: "" (not grantable) lower same (R9) better (R11)
    content: bytes = b""  # digest of what may never change; the resolved user is compared through ``pair``
    outcome: str = ""  # last result of (line, fulfill)
    reason: str = ""
    learner: dict[str, Any] | None = None  # identifiers, kept only while the line waits (personal data)
    id: int | None = None
    place: int | None = None  # among its pair's grants; 0 keeps the pair's access in its row
    dirty: bool = False
    product: dict[str, Any] | None = None  # what else the line says of its product: sku, credit_provider, course_uuid

    @property
    def is_reversed(self) -> bool:
        """Whether its refunds take the seat: in full, or so many that none is left for the learner (R19, R20)."""
        return self.is_full or self.chargeback or (self.refunded_total >= self.quantity > 0)

    @property
    def is_live(self) -> bool:
        """Whether it gives access: granted and not reversed, or reversed and held for a person (R24)."""
        if not self.found:
            return False
        return self.state == "held" or (self.state == "active" and not self.is_reversed)


@dataclass(slots=True, eq=False)
class Access:
    """Course access of one learner in one course.

    ``base`` is the mode that anyone but us last set, if active; ``last_set`` the seat we set (or found right) last.
    """

    pair: Pair
    base: str | None = None
    last_set: Seat | None = None
    grants: list[Grant] = field(default_factory=list)  # every grant of every order for this pair, oldest first
    dirty: bool = False


@dataclass(slots=True, eq=False)
class Order:
    """What is known of one order: its lines, its last revision, and whether a full reversal closed it."""

    order_key: str
    grants: dict[str, Grant] = field(default_factory=dict)  # by line id; ``WHOLE_ORDER`` is the order's tombstone
    revision: int = 0
    closed: bool = False
    dirty: bool = False


def new_line(order: Order, line_id: str) -> Grant:
    """The order's grant of a line, made if nothing was heard of it: a tombstone until it is paid.

    On a closed order it is reversed from the start, whichever of its events was the first to name it.
    """
    grant = order.grants.get(line_id)
    if grant is None:
        grant = Grant(order.order_key, line_id, "refunded", dirty=True)
        order.grants[line_id] = grant
        whole = order.grants.get(WHOLE_ORDER)
        if whole is not None and whole is not grant:
            grant.is_full = True
            grant.chargeback = whole.chargeback
            grant.hint = whole.hint
    return grant


@dataclass(slots=True, frozen=True)
class Course:
    """What the rules must know of a course. ``modes``: each mode, expired ones included, and when it expires."""

    exists: bool = True
    key_is_valid: bool = True
    modes: dict[str, datetime | None] = field(default_factory=dict)
    is_full: bool = False
    enrollment_start: datetime | None = None
    enrollment_end: datetime | None = None
    invitation_only: bool = False


@dataclass(slots=True, frozen=True)
class Learner:
    """The answer to one ``LearnerData``. Status: found, unknown, unidentified, conflict, inactive or retired.

    ``stale`` names the identifiers that matched nobody beside one that did: worth a warning, not a refusal.
    """

    status: str
    lms_user_id: int | None = None
    stale: tuple[str, ...] = ()


class EntitlementKey(NamedTuple):
    """The entitlement that one order line is: a learner's right to one run of a course, in a mode (R41)."""

    lms_user_id: int
    course_uuid: str
    mode: str
    order_key: str
    line_id: str


class Entitlement(NamedTuple):
    """What the platform knows about an entitlement, or would know if it were created now.

    ``runs`` are the runs in which the learner is enrolled and which the entitlement could upgrade: with exactly one of
    them there is no doubt which one is meant.
    """

    exists: bool = False
    is_expired: bool = False
    run: str = ""  # key of the run it was spent on, by us or by the learner
    runs: tuple[str, ...] = ()


class EntitlementChange(NamedTuple):
    """One entitlement as it must be: created, or expired.

    The enrollment in ``run`` is no part of this: it is an ordinary ``Change``, of which ``apply`` hears first.
    """

    key: EntitlementKey
    is_active: bool
    run: str = ""  # of a new one: the run that it is spent on, already upgraded


@dataclass(slots=True, eq=False)
class Book:
    """Facts and ledger of a group of orders.

    Facts that ``facts.py`` asks for must be present (a missing one is a ``KeyError``, never a guess); of ``orders`` and
    ``accesses`` only what the database has: the rules add what is new.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    accesses: dict[Pair, Access] = field(default_factory=dict)
    seats: dict[Pair, Seat | None] = field(default_factory=dict)  # the enrollments now; the rules keep them up to date
    courses: dict[str, Course] = field(default_factory=dict)
    changed: dict[Pair, Seat] = field(default_factory=dict)  # enrollments to write, last word per pair
    refusals: dict[Any, str] = field(default_factory=dict)  # pair or entitlement → why the platform refused it before
    skus: dict[str, tuple[str, str] | None] = field(default_factory=dict)  # native sku → course key and mode, if unique
    embargoed: set[Pair] = field(default_factory=set)
    certified: set[Pair] = field(default_factory=set)  # a certificate was earned
    entitlements: Mapping[EntitlementKey, Entitlement] = field(default_factory=dict)  # empty: the platform has none
    entitled: dict[EntitlementKey, EntitlementChange] = field(default_factory=dict)  # entitlements to write, last word
