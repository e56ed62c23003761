"""What a site may set for a Saleor source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.options import check_url, checked


@dataclass(frozen=True, slots=True)
class SaleorOptions:
    """The options and their defaults.

    Attributes:
        url: the shop's address, such as ``https://shop.example.com``: its keys are read there, and its API asked.
        token: the app's token, for the sweep.
        jwks: the shop's public keys, where they are not to be read from its address.
        prefix: how the keys of our metadata begin, as in ``openedx.course_key``.
        cancelled_with_money: ``cancellation`` reverses an order that is cancelled with the money kept; else a notice.
        owns_lms_user_id: a customer's metadata says who they are at the LMS: nobody checks out without a login.
        emails_verified: nobody checks out without a login, and a confirmed account's address is its owner's.
        test_channels: slugs of channels whose orders are tests.
        asks: a delivery names an order and no more; the shop is asked for it. Where apps of others are installed there:
            the shop signs for all of them with one key, and a query can give any field any name.
    """

    url: str = ""
    token: str = field(default="", repr=False)
    jwks: dict[str, Any] = field(default_factory=dict)
    prefix: str = "openedx."
    cancelled_with_money: str = "notice"
    owns_lms_user_id: bool = False
    emails_verified: bool = False
    test_channels: tuple[str, ...] = ()
    asks: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> SaleorOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        made = cls(**checked(source, options, asdict(cls()), cancelled_with_money=("notice", "cancellation")))
        if made.url:
            check_url(source, "url", made.url)
        if made.asks and not made.has_api:
            raise OperatorError(f"source {source}: the shop cannot be asked", hint="Set the options url and token.")
        return made

    @property
    def has_api(self) -> bool:
        return bool(self.url and self.token)
