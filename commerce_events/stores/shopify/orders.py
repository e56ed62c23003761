"""A Shopify order, as its webhooks and its Admin API render it, becomes a snapshot. Pure.

What a buyer can write – properties of a line, attributes of a cart – names no course and no account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from commerce_events.stores.adapter import BodyError
from commerce_events.stores.parts import Part, user_id
from commerce_events.stores.shopify.options import ShopifyOptions
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot

_PAID = {"paid", "partially_refunded", "refunded"}
#: States of a chargeback whose money is gone, for now or for good.
_CHARGED_BACK = {"needs_response", "under_review", "accepted", "lost"}

Metas = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lookups:
    """What was asked of the Admin API.

    Attributes:
        transactions: those of the order.
        products: by :func:`product_of` its metafields, or None for a product that is gone; None where nobody asked.
        customer: the customer's metafields.
    """

    transactions: Sequence[Part] = ()
    products: Mapping[tuple[str, str], Metas | None] | None = None
    customer: Metas = field(default_factory=dict)


def product_of(line: Part) -> tuple[str, str]:
    """Ids of product and variant; empty for what is not of the catalogue."""
    return line.text("product_id"), line.text("variant_id")


def snapshot(order: Part, options: ShopifyOptions, lookups: Lookups | None = None) -> Snapshot:
    """The order as it is now.

    Raises:
        BodyError: it is not in the shape of the Admin API.
    """
    lookups = lookups or Lookups()
    status = order.text("financial_status")
    paid = _paid_at(order, lookups.transactions) if status in _PAID | {"partially_paid"} else None
    reversals, notices = _reversals(order)
    cancelled = order.moment("cancelled_at")
    if cancelled and status != "refunded":
        if options.cancelled_with_money == "cancellation":
            reversals.append(Reversal(refund_id="cancelled", at=cancelled, kind="cancellation", is_full=True))
        else:
            notices.append(Notice(code="cancelled_with_money"))
    lines = order.parts("line_items")
    notices += [Notice(code="product_gone", about=line.id("id")) for line in lines if _is_gone(line, lookups)]
    items = [_item(line, order, options, lookups, is_paid=status in _PAID) for line in lines]
    return Snapshot(
        order_id=order.id("id"), order_number=order.text("name"), paid_at=paid, is_test=order.flag("test"),
        learner=_learner(order, options, lookups), items=tuple(item for item in items if item.quantity > 0),
        reversals=tuple(reversals), notices=tuple(notices) if paid else (),
    )  # fmt: skip


def _paid_at(order: Part, transactions: Sequence[Part]) -> datetime:
    """The first money; without transactions the time of the order, which has no time of payment of its own."""
    took = [
        at for transaction in transactions
        if transaction.text("kind") in ("sale", "capture") and transaction.text("status") == "success"
        and (at := transaction.moment("processed_at") or transaction.moment("created_at"))
    ]  # fmt: skip
    at = min(took, default=None) or order.moment("processed_at") or order.moment("created_at")
    if at is None:
        raise BodyError("processed_at is not a time")
    return at


def _learner(order: Part, options: ShopifyOptions, lookups: Lookups) -> Learner:
    """An address that is typed at the checkout is joined with the customer who has it: it proves nothing."""
    known = lookups.customer.get("lms_user_id", "") if options.owns_lms_user_id else ""
    return Learner(
        lms_user_id=user_id(known),
        email=order.text("email") or order.text("contact_email") or None,
        store_customer_id=order.part("customer").text("id") or None,
    )


def _metas(line: Part, lookups: Lookups) -> Metas:
    return (lookups.products or {}).get(product_of(line)) or {}


def _is_gone(line: Part, lookups: Lookups) -> bool:
    """Looked up, and no longer there; its SKU would be."""
    products = lookups.products or {}
    return products.get(product_of(line), {}) is None and not line.text("sku")


def _item(line: Part, order: Part, options: ShopifyOptions, lookups: Lookups, *, is_paid: bool) -> Item:
    metas = _metas(line, lookups)
    course, sku = metas.get("course_key"), line.text("sku") or None
    kind = metas.get("product_kind")
    if line.flag("gift_card"):
        kind = "other"
    elif not kind:
        is_known = course or metas.get("course_uuid") or (sku and options.by_sku) or _is_gone(line, lookups)
        kind = "course_seat" if is_known else "other"
    return Item(
        line_id=line.id("id"), quantity=_sold(line, order), product_kind=kind, course_key=course or None,
        mode=metas.get("mode") or None, sku=sku, credit_provider=metas.get("credit_provider") or None,
        course_uuid=metas.get("course_uuid") or None, is_paid=is_paid,
    )  # fmt: skip


def _sold(line: Part, order: Part) -> int:
    """Seats that were sold: ``quantity`` counts also what was taken off the order before it was paid.

    What remains, and what a refund with money took. ``current_quantity`` of 0 without such a refund: never sold.
    """
    if not line.has("current_quantity"):
        return line.count("quantity")
    returned = sum(
        entry.count("quantity") for refund in order.parts("refunds") if _is_about_money(refund, order)
        for entry in refund.parts("refund_line_items") if entry.id("line_item_id") == line.id("id")
    )  # fmt: skip
    return min(line.count("quantity"), line.count("current_quantity") + returned)


def _refund_transactions(refund: Part) -> list[str]:
    return [entry.text("status") for entry in refund.parts("transactions") if entry.text("kind") == "refund"]


def _is_about_money(refund: Part, order: Part) -> bool:
    """Of an order that cost nothing every refund is."""
    return bool(_refund_transactions(refund)) or (order.has("total_price") and order.money("total_price") == 0)


def _reversals(order: Part) -> tuple[list[Reversal], list[Notice]]:
    """The refunds whose money has moved, the last of them full when the store says that all of it is back."""
    moved, notices = [], []
    for refund in order.parts("refunds"):
        reversal = refunded(refund, order)
        if isinstance(reversal, Reversal):
            moved.append(reversal)
        elif reversal:
            notices.append(reversal)
    moved.sort(key=lambda reversal: (reversal.at, len(reversal.refund_id), reversal.refund_id))
    if moved and order.text("financial_status") == "refunded":
        moved[-1] = replace(moved[-1], is_full=True)
    return moved, notices


def refunded(refund: Part, order: Part) -> Reversal | Notice | None:
    """One refund: moved, for a person to see, or still on its way (None)."""
    statuses = _refund_transactions(refund)
    if "success" not in statuses and (statuses or not _is_about_money(refund, order)):
        if "pending" in statuses:
            return None
        return Notice(code="refund_failed" if statuses else "refund_without_money", about=refund.id("id"))
    at = refund.moment("created_at")
    if at is None:
        raise BodyError("created_at is not a time")
    return Reversal(refund_id=refund.id("id"), at=at, lines=tuple(_returned(refund)))


def _returned(refund: Part) -> Iterable[Returned]:
    for entry in refund.parts("refund_line_items"):
        if entry.count("quantity") > 0:
            yield Returned(
                line_id=entry.id("line_item_id"), quantity=entry.count("quantity"),
                ordered=entry.part("line_item").count("quantity") or entry.count("quantity"),
            )  # fmt: skip


def disputed(dispute: Part, order: Part | None) -> Reversal | Notice | None:
    """A dispute of Shopify Payments: an inquiry moves no money, a chargeback has, unless it was won."""
    name = f"dispute-{dispute.id('id')}"
    if dispute.text("type") != "chargeback":
        return None
    if dispute.text("status") == "won":
        return Notice(code="chargeback_won", about=name)
    at = dispute.moment("initiated_at")
    if dispute.text("status") not in _CHARGED_BACK or at is None:
        return None
    is_full = order is not None and 0 < order.money("total_price") <= dispute.money("amount")
    return Reversal(refund_id=name, at=at, kind="chargeback", is_full=is_full)
