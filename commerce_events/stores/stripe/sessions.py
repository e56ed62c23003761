"""A Checkout Session with all that belongs to it, as a snapshot. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from commerce_events.stores.adapter import BodyError
from commerce_events.stores.parts import Part, user_id
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot
from commerce_events.stores.stripe.options import StripeOptions

#: A dispute in one of these took the money away. ``warning_…`` is an inquiry, ``prevented`` never became one.
_TAKES_MONEY = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost"}
_PLAIN = re.compile("[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Paid:
    """What Stripe answers about one session.

    Attributes:
        session: in mode ``payment``, with ``payment_intent.latest_charge`` expanded.
        lines: all of them, with ``price.product`` expanded.
        refunds: all of its payment.
        disputes: the same.
    """

    session: Part
    lines: Sequence[Part]
    refunds: Sequence[Part]
    disputes: Sequence[Part]


def snapshot(paid: Paid, options: StripeOptions) -> Snapshot:
    """The order.

    Raises:
        BodyError: Stripe answers in another shape than its documentation says.
    """
    session = paid.session
    metadata = _metadata(session) if len(paid.lines) == 1 else {}
    items = tuple(_item(line, metadata, options.prefix) for line in paid.lines)
    return Snapshot(
        order_id=session.id("id"), paid_at=_paid_at(session), is_test=not session.flag("livemode"),
        email_opt_in=session.part("consent").text("promotions") == "opt_in", learner=_learner(session, options),
        items=items, reversals=_reversals(paid, items), notices=tuple(_notices(paid, items)),
    )  # fmt: skip


def _paid_at(session: Part) -> datetime | None:
    """When it was charged; a session of which nothing is due has no charge."""
    if session.text("status") != "complete":
        return None
    if session.text("payment_status") == "no_payment_required":
        return _moment(session)
    if session.text("payment_status") != "paid":
        return None
    charge = _charge(session)
    return _moment(charge if charge.has("created") else session)


def _charge(session: Part) -> Part:
    return _expanded(_expanded(session, "payment_intent"), "latest_charge")


def _reversals(paid: Paid, items: Sequence[Item]) -> tuple[Reversal, ...]:
    """Refunds that succeeded and disputes that took money; the one that leaves nothing is about all that is left."""
    moved = [
        (refund.count("amount"), Reversal(
            refund_id=refund.id("id"), at=_moment(refund), lines=_named(refund, items)[0],
            reason_code=refund.text("reason") or None,
        )) for refund in paid.refunds if refund.text("status") == "succeeded"
    ] + [
        (dispute.count("amount"), Reversal(refund_id=dispute.id("id"), at=_moment(dispute), kind="chargeback"))
        for dispute in paid.disputes if dispute.text("status") in _TAKES_MONEY
    ]  # fmt: skip
    charge = _charge(paid.session)
    left = charge.count("amount_captured") or charge.count("amount") or paid.session.count("amount_total")
    reversals = []
    for amount, reversal in sorted(moved, key=lambda pair: (pair[1].at, pair[1].refund_id)):
        left -= amount
        reversals.append(replace(reversal, is_full=left <= 0 and not reversal.lines))
    return tuple(reversals)


def _named(refund: Part, items: Sequence[Item]) -> tuple[tuple[Returned, ...], bool]:
    """The lines that the refund's metadata ``lines`` names, and whether they are all lines of the order.

    ``li_1`` is all its seats, ``li_1=2`` two of them; several stand with commas between them. A SKU or a course key may
    stand for the line that has it.
    """
    by_name = {name: item for item in items for name in (item.sku, item.course_key, item.line_id) if name}
    said = [part.strip() for part in _metadata(refund).get("lines", "").split(",") if part.strip()]
    lines = []
    for name, _, quantity in (part.partition("=") for part in said):
        if name in by_name and (not quantity or _PLAIN.fullmatch(quantity)):
            item = by_name[name]
            lines.append(Returned(line_id=item.line_id, quantity=int(quantity) if quantity else item.quantity))
    return tuple(lines), len(lines) == len(said)


def _notices(paid: Paid, items: Sequence[Item]) -> Iterator[Notice]:
    for refund in paid.refunds:
        if refund.text("status") == "failed":
            yield Notice(code="refund_failed", about=refund.id("id"))
        if refund.text("status") == "succeeded" and not _named(refund, items)[1]:
            yield Notice(code="refund_lines_unknown", about=refund.id("id"))
    for dispute in paid.disputes:
        if dispute.text("status") == "won":
            yield Notice(code="chargeback_won", about=dispute.id("id"))


def _item(line: Part, of_session: dict[str, str], prefix: str) -> Item:
    """A line. The price says what it is, else its product; the session's metadata where it is the only line."""
    price = _expanded(line, "price")
    known = of_session | _metadata(_expanded(price, "product")) | _metadata(price)
    of = {name.removeprefix(prefix): value for name, value in known.items() if name.startswith(prefix) and value}
    return Item(
        line_id=line.id("id"), quantity=line.count("quantity") or 1,
        product_kind=of.get("product_kind", "course_seat"), course_key=of.get("course_key"), mode=of.get("mode"),
        sku=of.get("sku") or price.text("lookup_key") or None, credit_provider=of.get("credit_provider"),
        course_uuid=of.get("course_uuid"),
    )  # fmt: skip


def _learner(session: Part, options: StripeOptions) -> Learner:
    metadata = _metadata(session) if options.owns_lms_user_id else {}
    said = {name: metadata.get(options.prefix + name, "") for name in ("lms_user_id", "username")}
    if options.client_reference_id != "ignore":
        said[options.client_reference_id] = session.text("client_reference_id") or said[options.client_reference_id]
    customer = session.fields.get("customer")
    return Learner(
        lms_user_id=user_id(said["lms_user_id"]),
        username=said["username"] or None,
        email=session.part("customer_details").text("email") or session.text("customer_email") or None,
        store_customer_id=customer if isinstance(customer, str) else _expanded(session, "customer").text("id") or None,
    )  # fmt: skip


def _metadata(of: Part) -> dict[str, str]:
    return {name: value.strip() for name, value in of.part("metadata").fields.items() if isinstance(value, str)}


def _expanded(of: Part, key: str) -> Part:
    """The object there; an empty one where only its id stands."""
    return of.part(key) if isinstance(of.fields.get(key), Mapping) else Part({})


def _moment(of: Part) -> datetime:
    created = of.count("created")
    if not 0 < created < 1 << 37:
        raise BodyError("created is not a time")
    return datetime.fromtimestamp(created, UTC)
