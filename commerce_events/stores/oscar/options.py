"""What a shop may set for its Oscar source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from commerce_events.stores.options import checked


@dataclass(frozen=True, slots=True)
class OscarOptions:
    """The options and their defaults.

    Attributes:
        paid_statuses: an order that has or had one of these is paid, whatever its payment sources say.
        refunds: ``refund_app`` reads those of the archived service; else they are payment events.
        refund_events: payment events of these types are refunds.
        cancelled_statuses: an order that has one of these is cancelled.
        cancelled_with_money: ``cancellation`` reverses a paid order that is cancelled, money kept; else a notice.
        line_ids: ``course_key`` names a seat by its course, as orders that the LMS remembers of the archived service.
        by_sku: a line without course is looked up by its SKU; False: it is no course.
        owns_lms_user_id: buyers log in with their LMS account: its id and user name are used.
        site_id: orders of this site alone; 0: all.
        is_test: everything is a test: a staging shop.
    """

    paid_statuses: tuple[str, ...] = ()
    refunds: str = "payment_events"
    refund_events: tuple[str, ...] = ("Refund", "Refunded")
    cancelled_statuses: tuple[str, ...] = ("Cancelled",)
    cancelled_with_money: str = "notice"
    line_ids: str = "pk"
    by_sku: bool = True
    owns_lms_user_id: bool = False
    site_id: int = 0
    is_test: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> OscarOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        defaults = {option.name: option.default for option in fields(cls)}
        return cls(**checked(
            source, options, defaults, refunds=("payment_events", "refund_app"), line_ids=("pk", "course_key"),
            cancelled_with_money=("notice", "cancellation"),
        ))  # fmt: skip
