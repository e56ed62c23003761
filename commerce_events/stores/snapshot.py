"""What a store says of one order, in words that are the same for every store. Pure data: no Django, no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Who bought or learns; as ``LearnerData``. An adapter leaves the e-mail out where it knows the LMS's own id."""

    lms_user_id: int | None = None
    username: str | None = None
    email: str | None = None
    email_verified: bool = False
    store_customer_id: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether an LMS could find anybody by this."""
        return bool(self.lms_user_id or self.username or self.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the order; bundles are expanded. ``is_paid``: the store shows money for it, or nothing is due."""

    line_id: str
    quantity: int
    product_kind: str = "course_seat"
    course_key: str | None = None
    mode: str | None = None
    sku: str | None = None
    credit_provider: str | None = None
    course_uuid: str | None = None
    beneficiary: Learner | None = None
    is_paid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Seats of one line that one reversal gave back. ``ordered``: seats bought, where the order itself is not known."""

    line_id: str
    quantity: int
    ordered: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A refund, cancellation, chargeback or void whose money has moved.

    ``is_full``: the store says that nothing of the order is left; otherwise the lines tell. Without lines and not full
    it is about an amount only.
    """

    refund_id: str
    at: datetime
    kind: str = "refund"
    lines: tuple[Returned, ...] = ()
    is_full: bool = False
    reason_code: str | None = None
    access_hint: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should see and no event tells: a dispute won, a refund that bounced, a line without money.

    Attributes:
        code: a word of the adapter's page, such as ``chargeback_won``.
        about: what of the order it is about – a line, a refund –, so that the same is told once.
    """

    code: str
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An order as the store shows it now, with all its lines and reversals that the store tells of.

    ``paid_at`` is None while no money is secured. It decides enrollment windows, so it must be the same in every
    snapshot of the order. ``is_partial``: this speaks of reversals alone, the lines are not known here.
    ``is_current``: read from the store just now, with every refund, so that one that is missing was deleted there.
    ``shows_money``: False where the store does not show whether a line that was added after payment was paid for.
    """

    order_id: str
    order_number: str = ""
    paid_at: datetime | None = None
    is_test: bool = False
    email_opt_in: bool = False
    learner: Learner = field(default_factory=Learner)
    items: tuple[Item, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    notices: tuple[Notice, ...] = ()
    is_partial: bool = False
    is_current: bool = False
    shows_money: bool = True
