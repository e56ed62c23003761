"""What a site may set for a Shopify source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.options import check_url, checked


@dataclass(frozen=True, slots=True)
class ShopifyOptions:
    """The options and their defaults.

    Attributes:
        url: the shop's address, ``https://example.myshopify.com``; with the token our door to its Admin API.
        token: the app's access token, which may read orders and products.
        api_version: of the Admin API; Shopify keeps each for a year at least, and then answers with the next.
        metafields: the namespace of metafields that hold course and mode; empty: the SKU alone names the product.
        by_sku: a line without these is looked up by its SKU; False: it is no course.
        cancelled_with_money: ``cancellation`` reverses a paid order that is cancelled, money kept; else a notice.
        owns_lms_user_id: the customer's metafield ``lms_user_id`` comes from a login: use it.
        disputes: the token may read disputes of Shopify Payments: the sweep asks for them.
    """

    url: str = ""
    token: str = field(default="", repr=False)
    api_version: str = "2025-10"
    metafields: str = ""
    by_sku: bool = True
    cancelled_with_money: str = "notice"
    owns_lms_user_id: bool = False
    disputes: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> ShopifyOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        defaults = {option.name: option.default for option in fields(cls)}
        made = cls(**checked(source, options, defaults, cancelled_with_money=("notice", "cancellation")))
        if bool(made.url) != bool(made.token):
            raise OperatorError(
                f"source {source}: the Admin API needs url and token",
                hint="Settings → Apps → Develop apps → your app → API credentials.",
            )
        if made.url:
            check_url(source, "url", made.url)
        if not made.url and (made.metafields or made.disputes or made.owns_lms_user_id):
            raise OperatorError(
                f"source {source}: metafields and disputes are read from the Admin API", hint="Set url and token."
            )
        if made.owns_lms_user_id and not made.metafields:
            raise OperatorError(f"source {source}: lms_user_id is a metafield", hint="Set metafields to its namespace.")
        return made

    @property
    def has_api(self) -> bool:
        return bool(self.url)
