"""Any store: its order as JSON of our own, signed as Standard Webhooks say (https://www.standardwebhooks.com).

The body is a :class:`~commerce_events.stores.snapshot.Snapshot`: the order as it is now, with everything that was given
back so far. A store sends it whenever something changed, and again when in doubt. The format is strict, because a
misspelt field would be an order that is never paid.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.api import Api
from commerce_events.stores.options import check_url, checked
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.signatures import any_fits, from_base64, is_recent
from commerce_events.stores.snapshot import Item, Learner, Returned, Reversal, Snapshot

TOLERANCE = 300  # seconds
#: Fields that only adapters of other stores set.
_NOT_SAID = {"notices", "is_current", "shows_money"}
_FIELDS: dict[type, frozenset[str]] = {
    kind: frozenset(entry.name for entry in fields(kind)) - _NOT_SAID
    for kind in (Snapshot, Item, Learner, Reversal, Returned)
}


@dataclass(frozen=True, slots=True)
class SignedJsonOptions:
    """The options and their defaults.

    Attributes:
        orders_url: where the sweep asks for ``?changed_since=…``, and for an order as ``…/<order_id>``.
        token: sent there as ``Authorization: Bearer …``.
        owns_lms_user_id: the store knows by a login who its customers are at the LMS: its ids and names of users count.
        is_test: everything is a test: a staging shop.
    """

    orders_url: str = ""
    token: str = field(default="", repr=False)
    owns_lms_user_id: bool = False
    is_test: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> SignedJsonOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        made = cls(**checked(source, options, asdict(cls())))
        if made.orders_url:
            check_url(source, "orders_url", made.orders_url)
        return made


class SignedJson:
    """A store that speaks our format."""

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = SignedJsonOptions.of(source, options)
        self.can_be_asked = bool(self.options.orders_url)

    def check_secrets(self, secrets: Sequence[str]) -> None:
        """Refuse what cannot be a key.

        Raises:
            OperatorError: one is none.
        """
        if not all(map(self._key, secrets)):
            raise self._no_key()

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        said = [headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        if not all(said):
            raise SignatureError("webhook-id, webhook-timestamp or webhook-signature is missing")
        if not "".join(said).isascii():
            raise SignatureError("webhook-id, webhook-timestamp or webhook-signature is not ASCII")
        name, seconds, signatures = said
        given = [entry.removeprefix("v1,") for entry in signatures.split(" ") if entry.startswith("v1,")]
        is_recent(seconds, now, TOLERANCE)
        signed = f"{name}.{seconds}.".encode() + raw
        any_fits(map(from_base64, given), [self._key(secret) for secret in secrets], signed)

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        return headers.get("webhook-id")

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        return [_snapshot(parsed(raw), self.options)]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        answer, _ = self._api().get(quote(ask.id, safe=""))
        return [Nothing("the store has no such order") if answer is None else _current(Part(answer), self.options)]

    def changed(self, since: datetime) -> Iterator[Reading]:
        query: dict[str, str] = {}
        while True:
            answer, _ = self._api().get("", changed_since=since.isoformat(), **query)
            page = Part({} if answer is None else answer)
            for order in page.parts("orders"):
                try:
                    yield _current(order, self.options)
                except BodyError:  # one order that nobody understands does not hold up the others
                    yield Ask(order.id("order_id"))
            if not page.has("next"):
                return
            query = {"after": page.text("next")}

    def _api(self) -> Api:
        if not self.options.orders_url:
            raise OperatorError(
                f"source {self.source}: the store cannot be asked", hint="Set the option orders_url, or sweep never."
            )
        headers = {"Authorization": f"Bearer {self.options.token}"} if self.options.token else None
        return Api(self.options.orders_url, headers=headers)

    def _key(self, secret: str) -> bytes:
        """The bytes of ``whsec_<base64>``."""
        text = secret.removeprefix("whsec_")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise self._no_key() from None

    def _no_key(self) -> OperatorError:
        return OperatorError(
            f"source {self.source}: a secret is no whsec_ and base64", hint="Such as: openssl rand -base64 32"
        )


def _current(order: Part, options: SignedJsonOptions) -> Snapshot:
    """What the store answers now: a refund that it does not name any more was deleted."""
    answered = _snapshot(order, options)
    return replace(answered, is_current=not answered.is_partial)


def _snapshot(order: Part, options: SignedJsonOptions) -> Snapshot:
    known = _known(order, Snapshot)
    return Snapshot(
        order_id=known.id("order_id"), order_number=known.text("order_number"), paid_at=_moment(known, "paid_at"),
        is_test=options.is_test or known.flag("is_test"), email_opt_in=known.flag("email_opt_in"),
        learner=_learner(known.part("learner"), options),
        items=tuple(_item(item, options) for item in known.parts("items")),
        reversals=tuple(_reversal(reversal) for reversal in known.parts("reversals")),
        is_partial=known.flag("is_partial"),
    )  # fmt: skip


def _learner(learner: Part, options: SignedJsonOptions) -> Learner:
    known = _known(learner, Learner)
    if known.text("email") and "@" not in known.text("email"):
        raise BodyError(f"{known.at}.email is no address")
    return Learner(
        lms_user_id=(known.count("lms_user_id") or None) if options.owns_lms_user_id else None,
        username=(known.text("username") or None) if options.owns_lms_user_id else None,
        email=known.text("email") or None, email_verified=known.flag("email_verified"),
        store_customer_id=known.text("store_customer_id") or None,
    )  # fmt: skip


def _item(item: Part, options: SignedJsonOptions) -> Item:
    known = _known(item, Item)
    names = ("course_key", "mode", "sku", "credit_provider", "course_uuid")
    product_kind = known.text("product_kind") or "course_seat"
    if product_kind == "course_seat" and not any(known.text(name) for name in ("course_key", "sku", "course_uuid")):
        raise BodyError(f"{known.at} has neither course_key nor sku")
    return Item(
        line_id=known.id("line_id"), quantity=_seats(known), product_kind=product_kind,
        **{name: known.text(name) or None for name in names},
        beneficiary=_learner(known.part("beneficiary"), options) if known.has("beneficiary") else None,
        is_paid=known.flag("is_paid") if known.has("is_paid") else True,
    )  # fmt: skip


def _reversal(reversal: Part) -> Reversal:
    known = _known(reversal, Reversal)
    at = _moment(known, "at")
    if at is None:
        raise BodyError(f"{known.at}.at is missing")
    return Reversal(
        refund_id=known.id("refund_id"), at=at, kind=known.text("kind") or "refund",
        lines=tuple(_returned(_known(line, Returned)) for line in known.parts("lines")),
        is_full=known.flag("is_full"), reason_code=known.text("reason_code") or None,
        access_hint=known.text("access_hint") or "default",
    )  # fmt: skip


def _returned(line: Part) -> Returned:
    ordered = line.count("ordered") if line.has("ordered") else None
    return Returned(line_id=line.id("line_id"), quantity=_seats(line), ordered=ordered)


def _seats(line: Part) -> int:
    if line.count("quantity") < 1:
        raise BodyError(f"{line.at}.quantity is not a number from 1")
    return line.count("quantity")


def _known(part: Part, kind: type) -> Part:
    """The part, which has no field that the format does not know."""
    unknown = part.fields.keys() - _FIELDS[kind]
    if unknown:
        where, names = part.at or "the body", ", ".join(sorted(_FIELDS[kind]))
        raise BodyError(f"{where} has {len(unknown)} unknown fields; there are {names}")
    return part


def _moment(of: Part, key: str) -> datetime | None:
    """A time, which must say its zone."""
    at = of.moment(key)
    if at is not None and datetime.fromisoformat(of.text(key)).tzinfo is None:
        raise BodyError(f"{of.at}.{key} has no zone, such as Z".lstrip("."))
    return at
