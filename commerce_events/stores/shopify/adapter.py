"""Shopify's webhooks and Admin API; what they mean is in :mod:`orders`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests.utils import parse_header_links

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.api import Api
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.shopify.options import ShopifyOptions
from commerce_events.stores.shopify.orders import Lookups, Metas, disputed, product_of, refunded, snapshot
from commerce_events.stores.signatures import any_fits, from_base64
from commerce_events.stores.snapshot import Notice, Reversal, Snapshot

_PAGE = 250  # the largest that Shopify gives
_CASE = timedelta(days=120)  # how long a dispute may take; they are listed by when they began
_ORDERS = {"orders/create", "orders/paid", "orders/updated", "orders/cancelled", "orders/fulfilled"}
_DISPUTES = {"disputes/create", "disputes/update"}


class Shopify:
    """One shop."""

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = ShopifyOptions.of(source, options)
        self.can_be_asked = self.options.has_api

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        """One app's secret signs for every shop that has the app: a request that names another shop is not ours."""
        given = headers.get("x-shopify-hmac-sha256")
        if given is None:
            raise SignatureError("there is no signature")
        any_fits([from_base64(given)], [secret.encode() for secret in secrets], raw)
        host = urlsplit(self.options.url).hostname or ""
        if host.endswith(".myshopify.com") and headers.get("x-shopify-shop-domain", host).lower() != host:
            raise SignatureError("the request is of another shop")

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        """One act of the shop has one id, and sends several topics."""
        event = headers.get("x-shopify-event-id")
        return f"{headers.get('x-shopify-topic', '')}:{event}" if event else None

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        """With the Admin API every order is asked for: what is sent again later is as old as it was."""
        topic, body = headers.get("x-shopify-topic", ""), parsed(raw)
        if topic in _ORDERS:
            return [self._ask(body.id("id")) or snapshot(body, self.options)]
        if topic == "refunds/create":
            return [self._ask(body.id("order_id")) or _alone(body.id("order_id"), refunded(body, body))]
        if topic in _DISPUTES:
            if not body.has("order_id"):
                return [Nothing("a dispute of no order")]
            return [self._ask(body.id("id"), "dispute") or _alone(body.id("order_id"), disputed(body, None))]
        if topic in ("orders/edited", "order_transactions/create"):
            order = body.part("order_edit") if topic == "orders/edited" else body
            return [self._ask(order.id("order_id")) or Nothing("the order's own webhook tells")]
        if topic == "orders/delete":
            return [_gone(body.id("id"))]
        return [Nothing("not about an order")]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        api = self._api()
        if ask.kind != "dispute":
            order = self._order(api, ask.id)
            return [_gone(ask.id) if order is None else self._looked_up(api, order)]
        dispute = _inside(api.get(f"shopify_payments/disputes/{ask.id}.json")[0], "dispute")
        if dispute is None or not dispute.has("order_id"):
            return [Nothing("a dispute of no order")]
        order = self._order(api, dispute.id("order_id"))
        found = disputed(dispute, order)
        if order is None:
            return [_alone(dispute.id("order_id"), found)]
        whole = self._looked_up(api, order)
        if isinstance(found, Reversal):
            return [replace(whole, reversals=(*whole.reversals, found))]
        return [replace(whole, notices=(*whole.notices, found)) if found else whole]

    def changed(self, since: datetime) -> Iterator[Reading]:
        api, at = self._api(), since.astimezone(UTC).isoformat()
        query = {"updated_at_min": at, "status": "any", "order": "updated_at asc"}
        for order in _pages(api, "orders.json", "orders", query):
            yield Ask(order.id("id"))
        if self.options.disputes:
            for dispute in _pages(api, "shopify_payments/disputes.json", "disputes", {}):
                begun = dispute.moment("initiated_at")
                if begun is not None and begun < since - _CASE:
                    return  # the newest come first
                if dispute.has("order_id"):
                    yield Ask(dispute.id("id"), "dispute")

    def _ask(self, id_: str, kind: str = "order") -> Ask | None:
        return Ask(id_, kind) if self.options.has_api else None

    def _order(self, api: Api, order_id: str) -> Part | None:
        return _inside(api.get(f"orders/{order_id}.json")[0], "order")

    def _looked_up(self, api: Api, order: Part) -> Snapshot:
        order_id, namespace = order.id("id"), self.options.metafields
        transactions = _inside(api.get(f"orders/{order_id}/transactions.json")[0], "") or Part({})
        if not namespace:
            return snapshot(order, self.options, Lookups(transactions.parts("transactions")))
        products: dict[tuple[str, str], Metas | None] = {}
        for line in order.parts("line_items"):
            product, variant = product_of(line)
            if product and (product, variant) not in products:
                fields = self._metafields(api, f"products/{product}")
                own = self._metafields(api, f"variants/{variant}") if variant else {}
                is_gone = fields is None and not own
                products[product, variant] = None if is_gone else {**(fields or {}), **(own or {})}
        customer = order.part("customer").text("id")
        known = self._metafields(api, f"customers/{customer}") if self.options.owns_lms_user_id and customer else {}
        return snapshot(order, self.options, Lookups(transactions.parts("transactions"), products, known or {}))

    def _metafields(self, api: Api, owner: str) -> Metas | None:
        """By key; None if their owner is gone."""
        answer = _inside(api.get(f"{owner}/metafields.json", namespace=self.options.metafields, limit=_PAGE)[0], "")
        return None if answer is None else {key: value for key, value in answer.named("metafields").items() if value}

    def _api(self) -> Api:
        if not self.options.has_api:
            raise OperatorError(
                f"source {self.source}: the Admin API is not set up", hint="Set url and token of the source."
            )
        return Api(
            f"{self.options.url.rstrip('/')}/admin/api/{self.options.api_version}",
            headers={"X-Shopify-Access-Token": self.options.token},
        )


def _inside(answer: Any, name: str) -> Part | None:
    """The object that an answer holds under ``name``; None if there is nothing."""
    if answer is None:
        return None
    return Part(answer).part(name) if name else Part(answer)


def _alone(order_id: str, found: Reversal | Notice | None) -> Reading:
    """What is heard of a reversal without its order."""
    if isinstance(found, Reversal):
        return Snapshot(order_id=order_id, is_partial=True, reversals=(found,))
    if found is not None:
        return Snapshot(order_id=order_id, is_partial=True, notices=(found,))
    return Nothing("no money has moved")


def _gone(order_id: str) -> Snapshot:
    return Snapshot(order_id=order_id, is_partial=True, notices=(Notice(code="order_gone"),))


def _pages(api: Api, path: str, name: str, query: dict[str, str]) -> Iterator[Part]:
    """Every page; the next one's cursor is in the header ``Link``, whose address is not followed."""
    while True:
        answer, headers = api.get(path, limit=_PAGE, **query)
        if not isinstance(answer, dict):
            raise BodyError(f"the store's answer has no {name}")
        yield from Part(answer).parts(name)
        links = {link.get("rel"): link["url"] for link in parse_header_links(headers.get("Link", ""))}
        cursor = parse_qs(urlsplit(links.get("next", "")).query).get("page_info")
        if not cursor:
            return
        query = {"page_info": cursor[0]}
