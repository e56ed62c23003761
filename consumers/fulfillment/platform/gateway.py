"""The gateway of a real LMS: each method of the protocol, by the module that knows how."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from consumers.fulfillment.gateway import (
    Account,
    Bought,
    Change,
    Entitlement,
    EntitlementChange,
    EntitlementKey,
    Gateway,
)
from consumers.fulfillment.platform import accounts, bought, courses, enrolling, entitlements, facts, lms, seats
from consumers.fulfillment.rules.state import Course, Pair, Seat


class PlatformGateway(Gateway):
    """One order per transaction: the platform tells the world while it enrolls, and takes nothing back."""

    bulk = False
    app = "common.djangoapps.student"

    def begin(self) -> None:
        """Empty the request cache: the platform memoises enrollments and modes in it, and no rollback reaches it."""
        lms.RequestCache.clear_all_namespaces()

    def accounts(
        self, user_ids: Collection[int], usernames: Collection[str], emails: Collection[str]
    ) -> Sequence[Account]:
        """Accounts, retired ones also by what they were called before."""
        return accounts.find(user_ids, usernames, emails)

    def once_called(self, user_ids: Collection[int] | None) -> Sequence[Account]:
        """Rows of ``UserRetirementStatus``, which the platform deletes when all is done."""
        return accounts.once_called(user_ids)

    def bought(self, after: int, most: int) -> Sequence[Bought]:
        """Enrollments whose attributes name an order, whoever wrote them."""
        return bought.find(after, most)

    def last_bought(self) -> int:
        """Of the same rows."""
        return bought.last()

    def seats(self, pairs: Sequence[Pair], *, lock: bool) -> Mapping[Pair, Seat]:
        """Rows of ``CourseEnrollment``."""
        return seats.find(pairs, lock=lock)

    def courses(self, course_keys: Collection[str]) -> Mapping[str, Course]:
        """Course overviews with their modes; unknown courses and unreadable keys included."""
        return courses.find(course_keys)

    def skus(self, skus: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """The mode table's native SKUs."""
        return courses.sold_as(skus)

    def embargoed(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """By the country of the profile; there are no addresses to look at."""
        return facts.embargoed(pairs)

    def certified(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """Certificates in a status that the platform does not refund."""
        return facts.certified(pairs)

    def within_refund_window(self, pairs: Collection[Pair]) -> Collection[Pair]:
        """By the platform's refund configuration."""
        return facts.within_refund_window(pairs)

    def apply(self, changes: Sequence[Change]) -> Mapping[Pair, str]:
        """Enroll, upgrade, restore, deactivate."""
        return enrolling.apply(changes)

    def entitlements(self, keys: Collection[EntitlementKey]) -> Mapping[EntitlementKey, Entitlement]:
        """Rows of ``CourseEntitlement``, and the runs that a new one would upgrade."""
        return entitlements.find(keys)

    def apply_entitlements(self, changes: Sequence[EntitlementChange]) -> Mapping[EntitlementKey, str]:
        """Create and expire entitlements."""
        return entitlements.apply(changes)
