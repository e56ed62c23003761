"""Stripe Checkout as a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.api import Api
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.stripe.options import StripeOptions
from commerce_events.stores.stripe.sessions import Paid, snapshot
from commerce_events.stores.stripe.signature import check

VERSION = "2024-06-20"  # of the API, so that its answers keep the shape that is read here
PAGE = 100
KEPT = timedelta(days=29)  # Stripe keeps events for thirty
_ID = re.compile("[A-Za-z0-9_]{1,255}")
_SESSIONS = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
#: What the webhook should be sent, and what the sweep asks for. ``charge.captured``: money that was only authorized.
EVENTS = (
    *_SESSIONS, "charge.captured", "charge.refunded", "charge.refund.updated", "refund.created", "refund.updated",
    "refund.failed", "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
    "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
)  # fmt: skip


class Stripe:
    """The Checkout Sessions of one account."""

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = StripeOptions.of(source, options)
        headers = {"Authorization": f"Bearer {self.options.api_key}", "Stripe-Version": VERSION}
        self._api = Api(f"{self.options.api_url}/v1", headers=headers)

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        given = headers.get("stripe-signature")
        if given is None:
            raise SignatureError("there is no signature")
        check(given, raw, secrets, now)

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        return parsed(raw).id("id")

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        reading = _asked_by(parsed(raw))
        if isinstance(reading, Ask) and not _ID.fullmatch(reading.id):
            raise BodyError("an id is no id of Stripe")
        return [reading]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        session_id = ask.id if ask.kind == "session" else self._session_of(ask)
        session = self._get("checkout/sessions", session_id, **_expand("payment_intent.latest_charge"))
        if session is None:
            return [Nothing("no session of Checkout")]
        if session.text("mode") != "payment":
            return [Nothing("not a session of payment")]
        intent = session.part("payment_intent").id("id") if session.has("payment_intent") else None
        return [snapshot(Paid(
            session=session,
            lines=list(self._all(f"checkout/sessions/{session_id}/line_items", **_expand("data.price.product"))),
            refunds=list(self._all("refunds", payment_intent=intent)) if intent else [],
            disputes=list(self._all("disputes", payment_intent=intent)) if intent else [],
        ), self.options)]  # fmt: skip

    def changed(self, since: datetime) -> Iterator[Reading]:
        """From the events, which Stripe keeps for thirty days; before that, from the objects themselves."""
        created = {"created[gte]": int(since.timestamp())}
        if datetime.now(UTC) - since < KEPT:
            found = [_asked_by(event) for event in self._all("events", **created, **{"types[]": list(EVENTS)})]
        else:
            lists = ("disputes", "refunds", "checkout/sessions")
            found = [_asks(entry) for path in lists for entry in self._all(path, **created)]
        yield from dict.fromkeys(ask for ask in reversed(found) if isinstance(ask, Ask))

    def _session_of(self, ask: Ask) -> str | None:
        """The session of a payment, if it is one of Checkout's."""
        intent = ask.id
        if ask.kind == "charge":
            charge = self._get("charges", ask.id)
            intent = charge.text("payment_intent") if charge else ""
        sessions = list(self._all("checkout/sessions", payment_intent=intent)) if intent else []
        return sessions[0].id("id") if sessions else None

    def _all(self, path: str, **query: Any) -> Iterator[Part]:
        after: dict[str, str] = {}
        while True:
            page = self._answer(path, **query, **after, limit=PAGE)
            entries = page.parts("data") if page else []
            yield from entries
            if not page or not page.flag("has_more") or not entries:
                return
            after = {"starting_after": entries[-1].id("id")}

    def _get(self, path: str, named: str | None, **query: Any) -> Part | None:
        """One object by its id, which goes into an address."""
        if named is None:
            return None
        if not _ID.fullmatch(named):
            raise BodyError("an id is no id of Stripe")
        return self._answer(f"{path}/{named}", **query)

    def _answer(self, path: str, **query: Any) -> Part | None:
        answer, _ = self._api.get(path, **query)
        return None if answer is None else Part(answer)


def _expand(*fields: str) -> dict[str, list[str]]:
    return {"expand[]": list(fields)}


def _asked_by(event: Part) -> Reading:
    """What an event makes us ask."""
    kind, of = event.id("type"), event.part("data").part("object")
    if kind not in EVENTS:
        return Nothing(f"an event {kind[:64]}")
    of.id("object")  # what kind of object it is; there is none where the data are missing
    return _asks(of)


def _asks(of: Part) -> Reading:
    """What an object makes us ask; by its payment where it is a refund, a dispute or a charge."""
    if of.text("object") == "checkout.session":
        if of.text("mode") != "payment":
            return Nothing("not a session of payment")
        if of.text("payment_status") == "unpaid":
            return Nothing("not paid yet")
        return Ask(of.id("id"), "session")
    if of.text("payment_intent"):
        return Ask(of.id("payment_intent"), "payment_intent")
    charge = of.id("id") if of.text("object") == "charge" else of.text("charge")
    return Ask(charge, "charge") if charge else Nothing("without a payment")
