"""MIT's unified-ecommerce: one webhook per integrated system, with the system's shared key in the body.

Nothing is signed, so whoever learns the key can write any order; nothing says a time, so the hour of hearing counts;
and a refund comes as another "postsale", of an order whose state is ``refunded``. What the store says of the request
for it is used where it is there; else nothing tells which lines it was about.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.api import Api
from commerce_events.stores.options import check_url, checked
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.snapshot import Item, Learner, Returned, Reversal, Snapshot

_KINDS, _OTHERS = ("postsale", "postrefund"), ("presale", "test")
_SOLD = ("fulfilled", "refunded", "partially_refunded")
_REFUNDED = ("refunded", "partially_refunded")


@dataclass(frozen=True, slots=True)
class UnifiedEcommerceOptions:
    """The options and their defaults.

    Attributes:
        system_slug: the slug of our system there; a delivery for another is refused.
        mode: of a product whose SKU is a course key, which is the store's convention.
        refunded_is_full: a refund that names no lines is about the whole order; else about an amount.
        is_test: everything is a test: a staging shop.
        orders_url: where the sweep asks for ``?updated_since=…``: a page of the site's own, of bodies as webhooks have
            them. The service itself lists orders only to their own customer.
        token: sent there as ``Authorization: Bearer …``.
    """

    system_slug: str = ""
    mode: str = "verified"
    refunded_is_full: bool = False
    is_test: bool = False
    orders_url: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> UnifiedEcommerceOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        made = cls(**checked(source, options, asdict(cls())))
        if made.orders_url:
            check_url(source, "orders_url", made.orders_url)
        return made


class UnifiedEcommerce:
    """One integrated system of a unified-ecommerce."""

    clock: Callable[[], datetime] = staticmethod(lambda: datetime.now(UTC))

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = UnifiedEcommerceOptions.of(source, options)
        self.can_be_asked = bool(self.options.orders_url)

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        """The key stands in the body, so the body is parsed first: the gateway's limit of its size holds before."""
        try:
            body = parsed(raw)
            given, slug = body.text("system_key").encode(), body.text("system_slug")
        except (BodyError, UnicodeEncodeError):
            raise SignatureError("there is no key") from None
        fits = False
        for secret in secrets:
            fits |= bool(secret) and hmac.compare_digest(given, secret.encode())
        if not fits or (self.options.system_slug and slug != self.options.system_slug):
            raise SignatureError("the key or the system does not fit")

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        """The store numbers nothing; order and state tell what is new."""
        return None

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        return [self._reading(parsed(raw))]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        found = self._asked(reference_number=ask.id).parts("results")
        return [self._reading(body) for body in found] or [Nothing("the store has no such order")]

    def changed(self, since: datetime) -> Iterator[Reading]:
        query = {"updated_since": since.isoformat()}
        while True:
            page = self._asked(**query)
            for body in page.parts("results"):
                try:
                    yield self._reading(body)
                except BodyError:  # one order that nobody understands does not hold up the others
                    yield Ask(body.part("data").id("reference_number"))
            if not page.has("next"):
                return
            query = dict(parse_qsl(urlsplit(page.text("next")).query))  # of the address itself nothing is taken

    def _asked(self, **query: str) -> Part:
        if not self.options.orders_url:
            raise OperatorError(
                f"source {self.source}: unified-ecommerce lists orders only to their own customer",
                hint="Sweep it never (SWEEP 0), or set orders_url to a page of your own.",
            )
        headers = {"Authorization": f"Bearer {self.options.token}"} if self.options.token else None
        answer, _ = Api(self.options.orders_url, headers=headers).get("", **query)
        return Part({} if answer is None else answer)

    def _reading(self, body: Part) -> Reading:
        kind, order = body.id("type"), body.part("data")
        if kind in _OTHERS:
            return Nothing(f"a {kind}")
        if kind not in _KINDS:
            raise BodyError(f"type is none of {', '.join((*_KINDS, *_OTHERS))}")
        if order.id("state") not in _SOLD:
            return Nothing("not sold")
        return self._snapshot(order, body.part("user"))

    def _snapshot(self, order: Part, user: Part) -> Snapshot:
        now = self.clock()
        items = tuple(self._item(line) for line in order.parts("lines"))
        totals = {line.id("id"): line.money("total_price") for line in order.parts("lines")}
        reversals = [
            _reversal(request, items, totals) for request in order.parts("refunds")
            if request.text("status") == "approved-complete"
        ]  # fmt: skip
        if order.text("state") in _REFUNDED and not reversals:
            is_full = self.options.refunded_is_full and order.text("state") == "refunded"
            reversals.append(Reversal(refund_id=order.text("state"), at=now, is_full=is_full))
        return Snapshot(
            order_id=order.id("reference_number"), paid_at=now if items else None, is_test=self.options.is_test,
            learner=Learner(email=user.text("email") or None, store_customer_id=user.text("id") or None),
            items=items, reversals=tuple(reversals), is_partial=not items,
        )  # fmt: skip

    def _item(self, line: Part) -> Item:
        """A product's SKU is by convention the readable id of what is sold; ``system_data`` is ours to fill."""
        product = line.part("product")
        sku = product.text("sku") or None
        data = product.fields.get("system_data")
        of = Part(data) if isinstance(data, Mapping) else Part({})
        is_key = bool(sku and sku.startswith("course-v1:"))
        return Item(
            line_id=line.id("id"), quantity=line.count("quantity") or 1, sku=sku,
            course_key=of.text("course_key") or (sku if is_key else None),
            mode=of.text("mode") or (self.options.mode if is_key else None),
        )  # fmt: skip


def _reversal(request: Part, items: Sequence[Item], totals: Mapping[str, Any]) -> Reversal:
    """A request whose money went back. A line is given back with all that was paid for it; less is an amount."""
    at = request.moment("processed_date") or request.moment("updated_on") or request.moment("created_on")
    if at is None:
        raise BodyError(f"{request.at}.processed_date is missing")
    seats = {item.line_id: item.quantity for item in items}
    given = [line for line in request.parts("lines") if line.text("status") == "approved-complete"]
    return Reversal(refund_id=request.id("id"), at=at, lines=tuple(
        Returned(line_id=line.id("line"), quantity=seats[line.id("line")]) for line in given
        if line.id("line") in seats and line.money("refunded_amount") >= totals[line.id("line")]
    ))  # fmt: skip
