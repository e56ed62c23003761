"""Saleor as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading
from commerce_events.stores.api import Api
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.saleor import queries
from commerce_events.stores.saleor.options import SaleorOptions
from commerce_events.stores.saleor.orders import snapshots
from commerce_events.stores.saleor.signature import Keys, check
from commerce_events.stores.signatures import any_fits, from_hex

PAGE = 50  # orders of one answer of the sweep


class Saleor:
    """A Saleor shop."""

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = SaleorOptions.of(source, options)
        self.can_be_asked = self.options.has_api
        self._url = self.options.url.rstrip("/")
        self.has_public_keys = bool(self.options.jwks or self._url)
        self._keys = Keys(self.options.jwks or None, self._published if self._url else None)

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        """By the shop's key; where the webhook has a ``secretKey``, by that alone: the same header is then its HMAC."""
        given = headers.get("saleor-signature", "")
        if secrets:
            any_fits([from_hex(given)], [secret.encode() for secret in secrets], raw)
        else:
            check(given, raw, self._keys, now)

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        """Saleor numbers nothing; a second delivery brings nothing new."""
        return None

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        body = parsed(raw)
        if body.has("order"):
            order = body.part("order")
            return [Ask(order.id("id"))] if self.options.asks else self._readings(order)
        if "order" in body.fields or body.text("__typename").startswith("Order"):
            raise BodyError("order is missing: may the app manage orders, and is the query ours?")
        body.id("__typename")  # our query asks for it, whatever the event
        return [Nothing("not about an order")]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        answer = self._asked(queries.ONE, id=ask.id)
        if not answer.has("order"):
            return [Nothing("the shop has no such order")]
        return self._readings(answer.part("order"))

    def changed(self, since: datetime) -> Iterator[Reading]:
        after = None
        while True:
            page = self._asked(queries.CHANGED, since=since.isoformat(), first=PAGE, after=after).part("orders")
            for edge in page.parts("edges"):
                order = edge.part("node")
                try:
                    yield from self._readings(order)
                except BodyError:  # one order that nobody understands does not hold up the others
                    yield Ask(order.id("id"))
            after = page.part("pageInfo").text("endCursor")
            if not page.part("pageInfo").flag("hasNextPage") or not after:
                return

    def _readings(self, order: Part) -> Sequence[Reading]:
        return [Nothing("a draft")] if order.text("status") == "DRAFT" else snapshots(order, self.options)

    def _published(self) -> Any:
        return Api(f"{self._url}/.well-known/jwks.json").get("")[0]

    def _asked(self, query: str, **variables: Any) -> Part:
        if not self.options.has_api:
            raise OperatorError(
                f"source {self.source}: the shop cannot be asked", hint="Set the options url and token of the source."
            )
        api = Api(f"{self._url}/graphql/", headers={"Authorization": f"Bearer {self.options.token}"})
        answer = api.post("", {"query": query, "variables": variables})
        if not isinstance(answer, dict) or answer.get("errors") or not isinstance(answer.get("data"), dict):
            raise OperatorError("the shop refuses the query", hint="The app needs MANAGE_ORDERS and MANAGE_USERS.")
        return Part(answer["data"])
