"""An order of an Oscar shop becomes a snapshot. Reads the shop's tables and writes nothing.

The order's number is its id here: it is unique, never changes, and is what the LMS remembers of the orders of the
archived service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from commerce_events.stores.oscar.options import OscarOptions
from commerce_events.stores.oscar.products import Sold, sold
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot

#: Types of ``payment.Transaction``.
_DEBIT = "Debit"
#: States of the archived service's refunds whose money is back.
_MONEY_IS_BACK = {"Payment Refunded", "Revocation Error", "Complete"}


def snapshot(order: Any, options: OscarOptions, until: datetime | None = None) -> Snapshot:
    """The order as it is now.

    Arguments:
        until: payment events that are younger are not there yet: Oscar writes an event first and then its lines.
    """
    lines = [(line, sold(line, by_sku=options.by_sku)) for line in order.lines.select_related("product__parent")]
    names = _line_ids(lines, options)
    paid = _paid_at(order, options)
    reversals = sorted(_reversals(order, names, options, until), key=lambda reversal: (reversal.at, reversal.refund_id))
    notices = []
    if reversals and _is_all_back(order, options, until):
        reversals[-1] = replace(reversals[-1], is_full=True)
    elif paid and order.status in options.cancelled_statuses:
        if options.cancelled_with_money == "cancellation":
            at = _status_since(order, options.cancelled_statuses) or paid
            reversals.append(Reversal(refund_id="cancelled", at=at, kind="cancellation", is_full=True))
        else:
            notices.append(Notice(code="cancelled_with_money"))
    notices += [Notice(code="product_gone", about=names[line.pk]) for line, _ in lines if line.product is None]
    return Snapshot(
        order_id=order.number, order_number=order.number, paid_at=paid, is_test=options.is_test,
        learner=_learner(order, options), items=tuple(_item(line, what, names[line.pk]) for line, what in lines),
        reversals=tuple(reversals), notices=tuple(notices) if paid else (),
    )  # fmt: skip


def _paid_at(order: Any, options: OscarOptions) -> datetime | None:
    """When money was secured; an order that is placed is not yet paid.

    Paid is what costs nothing, what its payment sources have taken the money for, and what its status says so of.
    """
    debited = sum(source.amount_debited for source in order.sources.all())
    if order.total_incl_tax <= 0 or debited >= order.total_incl_tax:
        moves = [move for source in order.sources.all() for move in source.transactions.all()]
        first = min((move.date_created for move in moves if move.txn_type == _DEBIT), default=None)
        return first or order.date_placed  # type: ignore[no-any-return]
    if order.status in options.paid_statuses:
        return _status_since(order, options.paid_statuses) or order.date_placed
    return _status_since(order, options.paid_statuses)


def _status_since(order: Any, statuses: Iterable[str]) -> datetime | None:
    changes = order.status_changes.filter(new_status__in=tuple(statuses)).order_by("date_created")
    return changes.values_list("date_created", flat=True).first()  # type: ignore[no-any-return]


def _learner(order: Any, options: OscarOptions) -> Learner:
    """A guest has an address alone. The archived service's users are the LMS's; it kept their id beside them."""
    user = order.user
    if user is None:
        return Learner(email=order.guest_email or None)
    known = None
    if options.owns_lms_user_id:
        context = getattr(user, "tracking_context", None) or {}
        known = getattr(user, "lms_user_id", None) or context.get("lms_user_id")
    is_id = str(known or "").isdigit()
    return Learner(
        lms_user_id=int(str(known)) if is_id else None,
        username=user.get_username() if options.owns_lms_user_id else None,
        email=user.email or order.guest_email or None, store_customer_id=str(user.pk),
    )  # fmt: skip


def _line_ids(lines: Iterable[tuple[Any, Sold]], options: OscarOptions) -> dict[Any, str]:
    """By the line's key; by its course where the shop says so and no other line is for the same one."""
    lines = list(lines)
    times = Counter(what.course_key for _, what in lines)
    return {
        line.pk: what.course_key
        if options.line_ids == "course_key" and what.course_key and times[what.course_key] == 1
        else str(line.pk)
        for line, what in lines
    }


def _item(line: Any, what: Sold, line_id: str) -> Item:
    return Item(
        line_id=line_id, quantity=line.quantity, product_kind=what.kind, course_key=what.course_key, mode=what.mode,
        sku=line.partner_sku or None, credit_provider=what.credit_provider, course_uuid=what.course_uuid,
    )  # fmt: skip


def _reversals(
    order: Any, names: dict[Any, str], options: OscarOptions, until: datetime | None
) -> Iterable[Reversal]:
    """Refunds of the archived service; in any other shop payment events that are called so."""
    if options.refunds == "refund_app":
        for refund in order.refunds.filter(status__in=_MONEY_IS_BACK):
            given = [(line.order_line_id, line.quantity) for line in refund.lines.all()]
            yield Reversal(refund_id=str(refund.pk), at=refund.created, lines=_returned(given, names))
        return
    for event in _refund_events(order, options, until):
        given = [(part.line_id, part.quantity) for part in event.line_quantities.all()]
        yield Reversal(refund_id=str(event.pk), at=event.date_created, lines=_returned(given, names))


def _refund_events(order: Any, options: OscarOptions, until: datetime | None) -> Any:
    events = order.payment_events.filter(event_type__name__in=options.refund_events)
    return events.filter(date_created__lte=until) if until else events


def _returned(given: Iterable[tuple[Any, int]], names: dict[Any, str]) -> tuple[Returned, ...]:
    return tuple(Returned(line_id=names[key], quantity=quantity) for key, quantity in given if key in names)


def _is_all_back(order: Any, options: OscarOptions, until: datetime | None) -> bool:
    """Whether nothing of what was paid is kept."""
    if options.refunds == "refund_app":
        back = sum(refund.total_credit_excl_tax for refund in order.refunds.filter(status__in=_MONEY_IS_BACK))
        return bool(0 < order.total_excl_tax <= back)
    back = sum(event.amount for event in _refund_events(order, options, until))
    return bool(0 < order.total_incl_tax <= back)
