"""The gateway: all that fulfillment knows of the platform it enrolls learners in. The page a site's engineer reads.

A gateway *reads facts* and *carries out* what the rules decided; it decides nothing. Write one by subclassing
:class:`Gateway`, name it in ``COMMERCE_FULFILLMENT["GATEWAY"]``, and mind four things:

- Every method takes many keys and answers for all of them, with a constant number of statements. A key that is missing
  from an answer means "there is none".
- Everything happens inside the transaction of the caller, on its connection. Never commit; never catch a database error
  without a savepoint around it.
- ``apply`` comes last: our own rows are written already. What the platform refuses is *answered* (a reason code of the
  contract for each refused pair): the caller takes everything back, tells the rules, and decides again, so a partly
  carried out ``apply`` is no harm. What went wrong and may go right later is *raised*: ``exceptions.TransientError``,
  or Django's ``OperationalError`` as it comes. Anything else that is raised is unknown: five attempts, then a person
  looks.
- ``bulk`` says whether ``apply`` can take the changes of many orders in one transaction. Say False when the platform
  sends e-mails or events of its own while it enrolls: a rollback would leave them behind for a whole group.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from consumers.fulfillment.rules.state import Course, Entitlement, EntitlementChange, EntitlementKey, Pair, Seat

__all__ = ["Account", "Bought", "Change", "Entitlement", "EntitlementChange", "EntitlementKey", "Gateway", "OrderLine"]


class Account(NamedTuple):
    """An account of the platform, as far as identity goes. ``is_retired`` rows may show the e-mail they once had."""

    lms_user_id: int
    username: str
    email: str
    is_active: bool
    is_retired: bool = False


class OrderLine(NamedTuple):
    """The order line that is the cause of a change; what a support page shows beside the enrollment."""

    source: str
    order_id: str
    order_key: str
    order_number: str
    line_id: str
    paid_at: datetime | None
    credit_provider: str = ""  # of a credit seat; the platform wants it with the enrollment (R40)


class Change(NamedTuple):
    """One enrollment as it must be. ``before`` is what ``seats`` answered under the lock, ``line`` the cause, if one.

    Windows, expiry and capacity were judged by the rules (R12–R14); where the platform would judge a closed window
    again, overrule it. ``after`` with ``is_active`` False means: unenroll, without asking anybody for a refund.
    """

    pair: Pair
    before: Seat | None
    after: Seat
    line: OrderLine | None


class Bought(NamedTuple):
    """An enrollment that some system sold, as the platform remembers it. ``order``: its attributes of the order."""

    id: int
    lms_user_id: int
    course_key: str
    mode: str
    created: datetime | None
    order: Mapping[str, str]


class Gateway:
    """What fulfillment asks of a platform. Facts that a platform does not know keep the answer given here."""

    #: Whether ``apply`` may be given the changes of many orders at once.
    bulk: bool = False
    #: The Django app whose tables the gateway needs; without it in ``INSTALLED_APPS`` nothing starts. Empty: none.
    app: str = ""

    def begin(self) -> None:
        """A decision begins: forget what was remembered of an earlier one, which may have been taken back."""

    def accounts(
        self, user_ids: Collection[int], usernames: Collection[str], emails: Collection[str]
    ) -> Sequence[Account]:
        """Every account that has one of these ids, user names, or e-mail addresses (compared without case)."""
        raise TypeError(f"{type(self).__name__} must answer accounts()")

    def once_called(self, user_ids: Collection[int] | None) -> Sequence[Account]:
        """What these accounts (None: all) were called before they retired, as long as the platform keeps that (R34)."""
        return ()

    def bought(self, after: int, most: int) -> Sequence[Bought]:
        """Active enrollments of which the platform knows the order they were bought by, by ascending id."""
        return ()

    def last_bought(self) -> int:
        """The highest id that :meth:`bought` can give; 0: none, or not known here."""
        return 0

    def seats(self, pairs: Sequence[Pair], *, lock: bool) -> Mapping[Pair, Seat]:
        """The enrollments of these pairs, inactive ones included, read from the database and not from a cache.

        ``lock``: lock the rows, in the order of ``pairs``.
        """
        raise TypeError(f"{type(self).__name__} must answer seats()")

    def courses(self, course_keys: Collection[str]) -> Mapping[str, Course]:
        """Modes (expired ones included), windows and fullness of these courses; an unknown course may be left out."""
        raise TypeError(f"{type(self).__name__} must answer courses()")

    def skus(self, skus: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """Course key and mode of each SKU that the platform's mode table knows exactly once (R42)."""
        return {}

    def embargoed(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """The pairs whose learner may not enter the course from where the profile says they live (R38)."""
        return ()

    def certified(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """The pairs in which the learner has earned a certificate that a refund would not undo (R24)."""
        return ()

    def within_refund_window(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """The pairs whose learner may still ask for the money, as the site tells its learners (R29)."""
        return ()

    def apply(self, changes: Sequence[Change]) -> Mapping[Pair, str]:
        """Make the enrollments so. Answers the pairs that the platform refused, each with a reason code.

        Raises:
            TransientError: it may go right later; the order is tried again, its later events wait.
        """
        raise TypeError(f"{type(self).__name__} must answer apply()")

    def entitlements(self, keys: Collection[EntitlementKey]) -> Mapping[EntitlementKey, Entitlement]:
        """What is known of these entitlements, asked before anything is locked: it may ask a catalog over HTTP.

        A key that is left out: the platform knows no entitlements.
        """
        return {}

    def apply_entitlements(self, changes: Sequence[EntitlementChange]) -> Mapping[EntitlementKey, str]:
        """Make the entitlements so; called after ``apply``, in its transaction and with its answers and errors.

        Creating what exists and expiring what is expired or absent changes nothing.
        """
        return {}
