"""Saleor: metadata of the order says how it stands, and fulfilled lines are fulfilled there, too; by GraphQL.

::

    "HOOKS": {"shop": {"saleor": {
        "HOOK": "consumers.order_status.hooks.saleor.SaleorOrder",
        "URL": "https://shop.example.com", "TOKEN": "env:SALEOR_TOKEN", "WAREHOUSE": "V2FyZWhvdXNlOi4uLg==",
    }}}

The app of the token needs the permission MANAGE_ORDERS.
"""

from __future__ import annotations

from typing import Any

import orjson

from commerce_events.exceptions import OperatorError
from commerce_events.stores.api import Api
from consumers.order_status.hooks import News

METADATA = """
mutation ($id: ID!, $input: [MetadataInput!]!) { updateMetadata(id: $id, input: $input) { errors { field code } } }
"""
LINES = "query ($id: ID!) { order(id: $id) { lines { id quantityToFulfill } } }"
FULFILL = """
mutation ($id: ID!, $input: OrderFulfillInput!) { orderFulfill(order: $id, input: $input) { errors { field code } } }
"""


class SaleorOrder:
    """Sets metadata; with a warehouse it fulfils, too. Both may be done twice: the second time nothing is left to do.

    Arguments:
        url: the shop's address; its API is at ``/graphql/``.
        token: the app's.
        warehouse: the id of the warehouse from which courses are "sent"; empty: fulfillments are left to the shop.
        prefix: how the keys of the metadata begin.
    """

    def __init__(
        self, *, timeout: float, url: str, token: str, warehouse: str = "", prefix: str = "openedx."
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.api = Api(f"{url.rstrip('/')}/graphql/", headers=headers, timeout=timeout)
        self.warehouse, self.prefix = warehouse, prefix

    def tell(self, news: News) -> None:
        """Make the call. Raises as :class:`commerce_events.stores.api.Api` does."""
        if news.kind == "refund.requested":
            said = {f"refund_requested.{news.body['line_id']}": news.body["requested_at"]}
        else:
            states = {line["line_id"]: line["state"] for line in news.body["lines"] if line["line_id"]}
            said = {"status": news.body["status"], "lines": orjson.dumps(states).decode()}
        pairs = [{"key": f"{self.prefix}{name}", "value": value} for name, value in said.items()]
        self._mutate("updateMetadata", METADATA, id=news.order_id, input=pairs)
        if self.warehouse and news.kind == "order.changed":
            self._fulfill(news)

    def _fulfill(self, news: News) -> None:
        """Whatever of the fulfilled lines is still to be fulfilled in the shop."""
        done = {line["line_id"] for line in news.body["lines"] if line["state"] == "fulfilled"}
        order = self._asked(LINES, id=news.order_id)["order"]
        if order is None:
            raise OperatorError(f"the shop does not know order {news.order_id}", hint="Is this another shop's address?")
        lines = [
            {"orderLineId": line["id"],
             "stocks": [{"quantity": line["quantityToFulfill"], "warehouse": self.warehouse}]}
            for line in order["lines"] if line["id"] in done and line["quantityToFulfill"] > 0
        ]  # fmt: skip
        if lines:
            self._mutate("orderFulfill", FULFILL, id=news.order_id, input={
                "lines": lines, "notifyCustomer": False, "allowStockToBeExceeded": True,
            })  # fmt: skip

    def _mutate(self, name: str, text: str, **variables: Any) -> None:
        errors = (self._asked(text, **variables)[name] or {}).get("errors") or []
        if errors:
            said = ", ".join(f"{error.get('field')}: {error.get('code')}" for error in errors)
            raise OperatorError(f"Saleor refuses {name}: {said}", hint="Look at the order, and the app's permissions.")

    def _asked(self, text: str, **variables: Any) -> dict[str, Any]:
        answer = self.api.post("", {"query": text, "variables": variables})
        if not isinstance(answer, dict) or answer.get("errors") or not isinstance(answer.get("data"), dict):
            raise OperatorError(
                "Saleor does not answer the question", hint="Look at the shop's address, its version and the token."
            )
        found: dict[str, Any] = answer["data"]
        return found
