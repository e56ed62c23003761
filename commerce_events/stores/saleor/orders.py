"""An order of Saleor's GraphQL, in the shape of :data:`queries.ORDER`, as a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from commerce_events.stores.adapter import BodyError
from commerce_events.stores.parts import Part, user_id
from commerce_events.stores.saleor.money import NOTHING, Granted, Kind, Move, Story, story
from commerce_events.stores.saleor.options import SaleorOptions
from commerce_events.stores.saleor.payments import NEVER, Line, Payment, payments, without_the_last
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot

_MOVES = {
    "CHARGE_SUCCESS": Kind.CHARGE, "REFUND_SUCCESS": Kind.REFUND, "REFUND_REVERSE": Kind.REVERSE,
    "CHARGE_BACK": Kind.CHARGEBACK,
}  # fmt: skip
_OLDER_MOVES = {"CAPTURE": Kind.CHARGE, "EXTERNAL": Kind.CHARGE, "REFUND": Kind.REFUND}
_PLACED = ("PLACED", "PLACED_FROM_DRAFT", "PLACED_AUTOMATICALLY_FROM_PAID_CHECKOUT")
_UNPLACED = ("DRAFT", "UNCONFIRMED", "CANCELED", "EXPIRED")
_SAYS_PAID = ("FULL", "OVERCHARGED")


def snapshots(order: Part, options: SaleorOptions) -> list[Snapshot]:
    """The order as it shows itself, with the whole story of its money: a snapshot for each step in which it was paid.

    Raises:
        BodyError: it has another shape.
    """
    total = _amount(order, "total", "gross")
    older = _older_refunds(order)
    told = story([*_moves(order), *_older_moves(order, older)], _granted(order))
    paid = _paid(order, total, told)
    reversals = [*told.reversals, *(refund for refund, _ in older)]
    notices = list(told.notices)
    if _is_cancelled(order, total, told):
        if options.cancelled_with_money == "cancellation":
            reversals.append(_cancellation(order))
        else:
            notices.append(Notice(code="cancelled_with_money"))
    if not paid and order.text("chargeStatus") in _SAYS_PAID and _most(told) > 0:
        notices.append(Notice(code="money_does_not_cover"))
    whole = Snapshot(
        order_id=order.id("id"), order_number=order.text("number"),
        is_test=order.part("channel").text("slug") in options.test_channels,
        email_opt_in=order.named("metadata").get("email_opt_in", "").lower() == "true",
        learner=_learner(order, options), items=tuple(_item(line, options.prefix) for line in _lines(order)),
        reversals=tuple(reversals), notices=tuple(notices),
    )  # fmt: skip
    return _step_by_step(whole, paid) if paid else [whole]


def _step_by_step(whole: Snapshot, paid: Sequence[Payment]) -> list[Snapshot]:
    """What each payment showed: its lines and those before, and what was given back until the next.

    Money that went back before anything was paid was a payment on account, and is no part of the sale.
    """
    known: set[str] = set()
    found = []
    for payment, until in zip(paid, [*(following.at for following in paid[1:]), NEVER], strict=True):
        known |= payment.lines
        found.append(replace(
            whole, paid_at=payment.at, notices=(), items=tuple(item for item in whole.items if item.line_id in known),
            reversals=tuple(
                given for given in whole.reversals if given.at < until and (given.lines or given.at >= paid[0].at)
            ),
        ))  # fmt: skip
    items = tuple(item if item.line_id in known else replace(item, is_paid=False) for item in whole.items)
    return [*found[:-1], replace(found[-1], items=items, notices=whole.notices)]


def _paid(order: Part, total: Decimal, told: Story) -> list[Payment]:
    """The steps in which it was paid.

    The order's history says when staff added a line. Where that does not explain it, an order that goes on saying that
    it is paid is told from one that is paid in part by these flags: its last lines are those without money.
    """
    history = order.parts("events")
    placed = [_moment(event, "date") for event in history if event.text("type") in _PLACED]
    begin = None if order.text("status") in _UNPLACED else (placed or [_moment(order, "created")])[0]
    added: dict[str, datetime] = {}
    for event in history:
        for line in event.parts("lines") if event.text("type") == "ADDED_PRODUCTS" else ():
            added.setdefault(line.part("orderLine").text("id"), _moment(event, "date"))
    lines = [
        Line(line.id("id"), _amount(line, "totalPrice", "gross"), added.get(line.id("id"))) for line in _lines(order)
    ]
    if not told.covering and total > 0 and _amount(order, "totalCharged") >= total:
        return [Payment(_moment(order, "created"), frozenset(line.id for line in lines))]  # an order from elsewhere
    found = payments(lines, total, begin, told.covering)
    if not found and order.text("chargeStatus") in _SAYS_PAID and _most(told) > 0:
        found = payments(without_the_last(lines, total, _most(told)), total, begin, told.covering)
    return found


def _most(told: Story) -> Decimal:
    return max((amount for _, amount in told.covering), default=NOTHING)


def _is_cancelled(order: Part, total: Decimal, told: Story) -> bool:
    """Whether it was cancelled and nobody gave anything back: the shop keeps the money, or it was free."""
    return order.text("status") == "CANCELED" and (told.held > 0 or total <= 0)


def _cancellation(order: Part) -> Reversal:
    """When that was, the order's history says; ``updatedAt`` moves on."""
    times = [_moment(event, "date") for event in order.parts("events") if event.text("type") == "CANCELED"]
    at = times[-1] if times else _moment(order, "updatedAt")
    return Reversal(refund_id="cancelled", at=at, kind="cancellation", is_full=True)


def _moves(order: Part) -> Iterator[Move]:
    for transaction in order.parts("transactions"):
        for event in transaction.parts("events"):
            kind = _MOVES.get(event.text("type"))
            if kind is not None:
                yield Move(_moment(event, "createdAt"), event.id("id"), kind, _amount(event, "amount"))


def _granted(order: Part) -> Iterator[Granted]:
    """Refunds that were granted, whatever their ``status``: it stays NONE where the payment app reports the money."""
    for grant in order.parts("grantedRefunds"):
        yield Granted(_moment(grant, "createdAt"), grant.id("id"), _amount(grant, "amount"), _returned(grant))


def _older_refunds(order: Part) -> list[tuple[Reversal, Decimal | None]]:
    """The older payment flow: a fulfillment REFUNDED is made when its money was given back. With their amounts.

    Seats that are handed back later move from there to one that is REFUNDED_AND_RETURNED and has no amount; they still
    belong to the refund before.
    """
    refunds: list[tuple[Reversal, Decimal | None]] = []
    made = [(_moment(one, "created", order), one) for one in order.parts("fulfillments")]
    for at, fulfillment in sorted(made, key=lambda pair: pair[0]):
        status, has_amount = fulfillment.text("status"), fulfillment.has("totalRefundedAmount")
        if status == "REFUNDED_AND_RETURNED" and not has_amount and refunds:
            before, of = refunds[-1]
            refunds[-1] = replace(before, lines=before.lines + _returned(fulfillment)), of
        elif status in ("REFUNDED", "REFUNDED_AND_RETURNED"):
            refund = Reversal(refund_id=fulfillment.id("id"), at=at, lines=_returned(fulfillment))
            refunds.append((refund, _amount(fulfillment, "totalRefundedAmount") if has_amount else None))
    return refunds


def _older_moves(order: Part, refunds: Iterable[tuple[Reversal, Decimal | None]]) -> list[Move]:
    """Money of the older flow. That of a refunded fulfillment moved just before it was made, and is told of by it."""
    moves = []
    for payment in order.parts("payments"):
        for part in payment.parts("transactions"):
            kind = _OLDER_MOVES.get(part.text("kind"))
            if kind is not None and part.flag("isSuccess"):
                amount = _amount(part, "amount") if part.has("amount") else _amount(payment, "total")
                moves.append(Move(_moment(part, "created", order), part.id("id"), kind, amount))
    for refund, of in refunds:
        for index, move in reversed(list(enumerate(moves))):
            is_its = move.kind is Kind.REFUND and not move.is_told and move.at <= refund.at
            if is_its and (of is None or move.amount <= of):
                moves[index] = replace(move, is_told=True)
                break
    return moves


def _lines(order: Part) -> list[Part]:
    if not order.has("lines"):
        raise BodyError("lines is missing")
    return order.parts("lines")


def _item(line: Part, prefix: str) -> Item:
    """A line. Course and mode stand on the variant; what its variants share may stand on the product.

    Never on the line itself: whoever fills a basket can write metadata there. A deleted variant is null.
    """
    variant = line.part("variant")
    known = variant.part("product").named("metadata") | variant.named("metadata")
    of = {name.removeprefix(prefix): value for name, value in known.items() if name.startswith(prefix) and value}
    return Item(
        line_id=line.id("id"), quantity=line.count("quantity"), product_kind=of.get("product_kind", "course_seat"),
        course_key=of.get("course_key"), mode=of.get("mode"),
        sku=line.text("productSku") or variant.text("sku") or None, credit_provider=of.get("credit_provider"),
        course_uuid=of.get("course_uuid"),
    )  # fmt: skip


def _learner(order: Part, options: SaleorOptions) -> Learner:
    """Whose address was typed in.

    Saleor hangs a customer's account on any order with their address, so neither the account nor its metadata prove
    anything, unless the shop lets nobody check out without a login.
    """
    user = order.part("user")
    of = user.named("metadata") if options.owns_lms_user_id else {}
    email = order.text("userEmail") or user.text("email") or None
    is_own = options.emails_verified and user.flag("isConfirmed") and user.text("email") == email
    return Learner(
        lms_user_id=user_id(of.get(f"{options.prefix}lms_user_id", "")),
        username=of.get(f"{options.prefix}username") or None, email=email, email_verified=is_own,
        store_customer_id=user.text("id") or None,
    )  # fmt: skip


def _returned(of: Part) -> tuple[Returned, ...]:
    return tuple(
        Returned(line_id=line.part("orderLine").id("id"), quantity=line.count("quantity")) for line in of.parts("lines")
    )


def _amount(of: Part, *path: str) -> Decimal:
    """Money that must be there: nothing would read as free."""
    for key in path:
        of = of.part(key)
    if not of.has("amount"):
        raise BodyError(f"{of.at}.amount is missing")
    return of.money("amount")


def _moment(of: Part, key: str, instead: Part | None = None) -> datetime:
    """A time that must be there; that of the making of the order ``instead``, where an older query did not ask."""
    at = of.moment(key) or (instead.moment("created") if instead is not None else None)
    if at is None:
        raise BodyError(f"{of.at}.{key} is missing".lstrip("."))
    return at
