"""WooCommerce's webhooks and REST API; what they mean is in :mod:`orders`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Nothing, Options, Reading, SignatureError
from commerce_events.stores.api import Api
from commerce_events.stores.parts import Part, parsed
from commerce_events.stores.signatures import any_fits, from_base64
from commerce_events.stores.snapshot import Notice, Snapshot
from commerce_events.stores.woocommerce.options import WooCommerceOptions
from commerce_events.stores.woocommerce.orders import Lookups, Metas, snapshot, speaks_for_itself, unresolved

#: Sent when a webhook is made: form-encoded, unsigned, and the webhook is not saved unless the answer is exactly 200.
_PING = re.compile(rb"webhook_id=[0-9]{1,19}")
_PAGE = 100  # the largest that WordPress gives
_TOPICS = {"order.created", "order.updated", "order.restored"}


class WooCommerce:
    """One shop."""

    def __init__(self, source: str, options: Options) -> None:
        self.source = source
        self.options = WooCommerceOptions.of(source, options)
        self.can_be_asked = self.options.has_api

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        given = headers.get("x-wc-webhook-signature")
        if given is None:
            if _is_ping(raw):
                return
            raise SignatureError("there is no signature")
        any_fits([from_base64(given)], [secret.encode() for secret in secrets], raw)

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        """The body's digest: the store's own delivery ids repeat within a second, as does the time of modification."""
        return None if _is_ping(raw) else sha256(raw).hexdigest()

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        if _is_ping(raw):
            return [Nothing("the webhook was created")]
        topic = headers.get("x-wc-webhook-topic", "order.updated")
        if topic == "order.deleted":
            order_id = parsed(raw).id("id")
            return [Ask(order_id) if self.options.has_api else _deleted(order_id)]
        if topic not in _TOPICS:
            return [Nothing("not about an order")]
        return [self._reading(parsed(raw))]

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        api = self._api()
        if not re.fullmatch("[0-9]{1,19}", ask.id):
            raise BodyError("id is not a number")
        for _ in range(3):
            order = _object(api.get(f"orders/{ask.id}")[0])
            if order is None:
                return [_deleted(ask.id)]
            refunds = list(_pages(api, f"orders/{ask.id}/refunds"))
            # a refund between the two answers is in one of them only
            if {refund.id("id") for refund in refunds} == {refund.id("id") for refund in order.parts("refunds")}:
                products = {path: _product(api, path) for path in unresolved(order, self.options)}
                return [snapshot(order, self.options, Lookups(refunds, products))]
        raise TransientError("the order changes while it is read")

    def changed(self, since: datetime) -> Iterator[Reading]:
        """Page by the time of modification: with plain pages, an order that changes meanwhile hides another one."""
        api = self._api()
        after, page, seen = since.astimezone(UTC), 1, set[tuple[str, str]]()
        while True:
            orders = [Part(order, "orders") for order in _list(api.get(
                "orders", modified_after=after.strftime("%Y-%m-%dT%H:%M:%S"), dates_are_gmt="true", status="any",
                orderby="modified", order="asc", per_page=_PAGE, page=page,
            )[0])]  # fmt: skip
            for order in orders:
                state = order.id("id"), order.text("date_modified_gmt")
                if state not in seen:
                    seen.add(state)
                    yield self._reading(order)
            if len(orders) < _PAGE:
                return
            last = orders[-1].moment("date_modified_gmt")
            if last is not None and last - timedelta(seconds=1) > after:
                after, page = last - timedelta(seconds=1), 1
            else:  # more of them in one second than a page holds
                page += 1

    def _reading(self, order: Part) -> Reading:
        if self.options.has_api and order.has("id") and not speaks_for_itself(order, self.options):
            return Ask(order.id("id"))
        return snapshot(order, self.options)

    def _api(self) -> Api:
        if not self.options.has_api:
            raise OperatorError(
                f"source {self.source}: the REST API is not set up",
                hint="Set url, consumer_key and consumer_secret: WooCommerce → Settings → Advanced → REST API.",
            )
        return Api(
            f"{self.options.url.rstrip('/')}/wp-json/wc/v3",
            auth=(self.options.consumer_key, self.options.consumer_secret),
        )


def _is_ping(raw: bytes) -> bool:
    return _PING.fullmatch(raw) is not None


def _deleted(order_id: str) -> Snapshot:
    return Snapshot(order_id=order_id, is_partial=True, notices=(Notice(code="order_gone"),))


def _object(answer: Any) -> Part | None:
    return None if answer is None else Part(answer)


def _list(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise BodyError("the store's answer is not a list")
    return answer


def _pages(api: Api, path: str) -> Iterator[Part]:
    page = 1
    while True:
        entries = _list(api.get(path, per_page=_PAGE, page=page, order="asc")[0] or [])
        yield from (Part(entry, path) for entry in entries)
        if len(entries) < _PAGE:
            return
        page += 1


def _product(api: Api, path: str) -> Metas | None:
    """The meta fields of a product, a variation's before its parent's; None if it is gone."""
    product = _object(api.get(f"products/{path}")[0])
    if product is None:
        return None
    own = {key: value for key, value in product.named("meta_data").items() if value}
    parent, _, variation = path.partition("/")
    return {**((_product(api, parent) or {}) if variation else {}), **own}
