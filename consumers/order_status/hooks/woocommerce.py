"""WooCommerce: a note at the order, and its status, by the REST API.

::

    "HOOKS": {"shop": {"notes": {
        "HOOK": "consumers.order_status.hooks.woocommerce.WooCommerceOrder",
        "URL": "https://shop.example.com", "KEY": "env:WC_KEY", "SECRET": "env:WC_SECRET",
    }}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.api import Api
from consumers.order_status.hooks import News
from consumers.order_status.hooks.words import mark, sentence

#: The shop's statuses that are ours to change: an order that somebody has cancelled or refunded is left alone.
OPEN = frozenset({"pending", "processing", "on-hold"})


class WooCommerceOrder:
    """Writes a note that only the shop's staff sees; a status of ours may set one of the shop's.

    Arguments:
        url: the shop's address.
        key, secret: of the REST API, with the right to read and write orders.
        statuses: status of ours → status of the shop. Completing an order has WooCommerce write to the customer.
    """

    def __init__(
        self, *, timeout: float, url: str, key: str, secret: str, statuses: Mapping[str, str] | None = None
    ) -> None:
        self.api = Api(f"{url.rstrip('/')}/wp-json/wc/v3", auth=(key, secret), timeout=timeout)
        self.statuses = {"fulfilled": "completed"} if statuses is None else statuses

    def tell(self, news: News) -> None:
        """Make the call. Raises as :class:`commerce_events.stores.api.Api` does."""
        notes = f"orders/{news.order_id}/notes"
        is_there = news.attempt > 1 and self._is_there(notes, news)
        if not is_there and self.api.post(notes, {"note": sentence(news)}) is None:
            raise _unknown(news)
        wanted = self.statuses.get(news.body.get("status", ""))
        if wanted is None:
            return
        order, _ = self.api.get(f"orders/{news.order_id}")
        if order is None:
            raise _unknown(news)
        if order["status"] in OPEN - {wanted}:
            self.api.post(f"orders/{news.order_id}", {"status": wanted})

    def _is_there(self, notes: str, news: News) -> bool:
        """Whether an earlier attempt got so far."""
        found: Any = self.api.get(notes, type="internal")[0] or ()
        return any(f"[{mark(news)}]" in note["note"] for note in found)


def _unknown(news: News) -> OperatorError:
    return OperatorError(
        f"the shop does not know order {news.order_id}", hint="Was it deleted, or is this the address of another shop?"
    )
