"""A WooCommerce order, as its REST API and its webhooks render it, becomes a snapshot. Pure.

What an order does not say itself – the courses of its products, the lines of its refunds – is passed in. Only the
``*_gmt`` times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from commerce_events.stores.adapter import BodyError
from commerce_events.stores.parts import Part, user_id
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot
from commerce_events.stores.woocommerce.options import WooCommerceOptions

#: States in which a shop says that a paid order is not to be had, or not to be sure of.
_DOUBTFUL = {"cancelled", "failed", "pending", "on-hold", "trash"}

Metas = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lookups:
    """What was asked of the REST API.

    Attributes:
        refunds: those of the order, or None where nobody asked.
        products: by :func:`product_of` a product's meta fields, or None for one that is gone.
    """

    refunds: Sequence[Part] | None = None
    products: Mapping[str, Metas | None] | None = None


def product_of(line: Part) -> str:
    """Where the product of a line is in the REST API, below ``products/``; empty if it has none."""
    product, variation = line.count("product_id"), line.count("variation_id")
    if not product:
        return ""
    return f"{product}/variations/{variation}" if variation else str(product)


def paid_at(order: Part, options: WooCommerceOptions) -> datetime | None:
    """When money was secured. There is no event for it; a refund does not clear the date.

    Cash on delivery sets a date of payment when the order is placed: the money is there when it is completed.
    """
    paid = order.moment("date_paid_gmt")
    if paid and order.text("payment_method") in options.unpaid_methods:
        return order.moment("date_completed_gmt")
    return paid


def unresolved(order: Part, options: WooCommerceOptions) -> list[str]:
    """The products to look up: of lines that do not say course and mode themselves."""
    wanted = {options.course_meta, options.mode_meta}
    return list(dict.fromkeys(
        product_of(line) for line in order.parts("line_items")
        if product_of(line) and not wanted <= line.named("meta_data").keys()
    ))  # fmt: skip


def speaks_for_itself(order: Part, options: WooCommerceOptions) -> bool:
    """Whether a webhook's order says everything; otherwise the API must be asked."""
    return paid_at(order, options) is None or not (order.parts("refunds") or unresolved(order, options))


def snapshot(order: Part, options: WooCommerceOptions, lookups: Lookups | None = None) -> Snapshot:
    """The order as it is now.

    Raises:
        BodyError: it is not in the shape of the REST API.
    """
    if order.has("code") and not order.has("id"):
        # what WordPress renders when the webhook's owner may not read orders, and what it then signs
        raise BodyError("the store signed an error in place of the order: was the owner of the webhook deleted?")
    if not order.has("line_items"):
        raise BodyError("line_items is missing: is the webhook one of orders, of the REST API's version 3?")
    lookups = lookups or Lookups()
    lines = order.parts("line_items")
    reversals, notices = _reversals(order, lines, lookups)
    paid = paid_at(order, options)
    if paid and order.text("status") in _DOUBTFUL and not any(reversal.is_full for reversal in reversals):
        if order.text("status") == "cancelled" and options.cancelled_with_money == "cancellation":
            reversals.append(Reversal(refund_id="cancelled", at=_modified(order), kind="cancellation", is_full=True))
        else:
            notices.append(Notice(code=f"{order.text('status').replace('-', '_')}_with_money"))
    metas = order.named("meta_data")
    items = [item for line in lines if (item := _item(line, options, lookups)) is not None]
    notices += [Notice(code="product_gone", about=line.id("id")) for line in lines if _is_gone(line, options, lookups)]
    return Snapshot(
        order_id=order.id("id"), order_number=order.text("number"), paid_at=paid,
        is_test=options.is_test or order.text("payment_method") in options.test_methods
        or metas.get("_wcpay_mode") == "test",
        learner=_learner(order, metas, options), items=tuple(items), reversals=tuple(reversals),
        notices=tuple(notices) if paid else (), is_current=lookups.refunds is not None,
        shows_money=options.late_lines == "emit",
    )  # fmt: skip


def _modified(order: Part) -> datetime:
    at = order.moment("date_modified_gmt") or order.moment("date_paid_gmt")
    if at is None:
        raise BodyError("date_modified_gmt is not a time")
    return at


def _learner(order: Part, metas: Metas, options: WooCommerceOptions) -> Learner:
    """WooCommerce proves no address, neither a guest's nor a customer's."""
    known = metas.get("_lms_user_id", "") if options.owns_lms_user_id else ""
    customer = order.count("customer_id")  # 0 is a guest
    return Learner(
        lms_user_id=user_id(known),
        email=order.part("billing").text("email").strip() or None,
        store_customer_id=str(customer) if customer else None,
    )


def _metas(line: Part, lookups: Lookups) -> Metas:
    """The line's own before its product's: the product may have changed since."""
    product = (lookups.products or {}).get(product_of(line))
    return {**(product or {}), **{key: value for key, value in line.named("meta_data").items() if value}}


def _is_gone(line: Part, options: WooCommerceOptions, lookups: Lookups) -> bool:
    """A line whose product was deleted – its SKU is null then – and that does not say its course itself."""
    return (
        not line.has("sku") and not _children(line) and line.count("quantity") > 0
        and not _metas(line, lookups).get(options.course_meta)
    )  # fmt: skip


def _item(line: Part, options: WooCommerceOptions, lookups: Lookups) -> Item | None:
    metas = _metas(line, lookups)
    course, mode, sku = metas.get(options.course_meta), metas.get(options.mode_meta), line.text("sku") or None
    kind = metas.get("_product_kind")
    if line.count("quantity") <= 0 or (_children(line) and not course):
        return None  # the container of a bundle is not a product of its own
    if not kind:
        looked_up = bool((lookups.products or {}).get(product_of(line)) is not None)
        is_known = bool(course or metas.get("_course_uuid") or (sku and options.by_sku))
        kind = "course_seat" if is_known or (not looked_up and options.by_sku) else "other"
    return Item(
        line_id=line.id("id"), quantity=line.count("quantity"), product_kind=kind, course_key=course or None,
        mode=mode or None, sku=sku, credit_provider=metas.get("_credit_provider") or None,
        course_uuid=metas.get("_course_uuid") or None,
    )  # fmt: skip


def _children(line: Part) -> list[str]:
    """The lines that a bundle's container holds."""
    return line.ids("bundled_items")


def _reversals(order: Part, lines: Sequence[Part], lookups: Lookups) -> tuple[list[Reversal], list[Notice]]:
    """Every refund of the order, and what a person should know of them.

    An order that is set to "refunded" by hand has a refund of the whole amount and no lines: when all the money is
    back, the last refund takes what is left.
    """
    notices: list[Notice] = []
    total, back = order.money("total"), sum(abs(refund.money("total")) for refund in order.parts("refunds"))
    if lookups.refunds is None:
        # without the API a refund is an amount
        found = [Reversal(refund_id=refund.id("id"), at=_modified(order)) for refund in order.parts("refunds")]
        notices += [Notice(code="refund_lines_unknown", about=refund.refund_id) for refund in found]
    else:
        found = [
            Reversal(
                refund_id=refund.id("id"), at=refund.moment("date_created_gmt") or _modified(order),
                lines=tuple(_returned(refund, lines)),
            ) for refund in lookups.refunds
        ]  # fmt: skip
    found.sort(key=lambda reversal: (reversal.at, int(reversal.refund_id) if reversal.refund_id.isdigit() else 0))
    is_marked = order.text("status") == "refunded"
    if back >= total and (is_marked or total > 0):
        if found:
            last = found.pop()
            found.append(Reversal(refund_id=last.refund_id, at=last.at, lines=last.lines, is_full=True))
        else:  # nothing was paid, so nothing was refunded
            found.append(Reversal(refund_id="refunded", at=_modified(order), is_full=True))
    elif is_marked:
        notices.append(Notice(code="refunded_without_money"))
    return found, notices


def _returned(refund: Part, lines: Sequence[Part]) -> Iterable[Returned]:
    """Seats that one refund gives back. A quantity of 0 is money alone; a bundle's container names no children."""
    seats: dict[str, int] = {}
    for entry in refund.parts("line_items"):
        line_id, quantity = entry.named("meta_data").get("_refunded_item_id", ""), -entry.count("quantity")
        if line_id:
            seats[line_id] = seats.get(line_id, 0) + quantity
    by_id = {line.id("id"): line for line in lines}
    for line_id, quantity in list(seats.items()):
        container = by_id.get(line_id)
        for child_id in _children(container) if container else ():
            if child_id in by_id and container:
                of_each = by_id[child_id].count("quantity") // max(container.count("quantity"), 1)
                seats.setdefault(child_id, of_each * quantity)
    for line_id, quantity in seats.items():
        if line_id in by_id:
            yield Returned(line_id=line_id, quantity=quantity, ordered=by_id[line_id].count("quantity"))
