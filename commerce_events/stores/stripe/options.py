"""What a site may set for a Stripe source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.options import check_url, checked


@dataclass(frozen=True, slots=True)
class StripeOptions:
    """The options and their defaults.

    Attributes:
        api_key: a restricted key that may read Checkout Sessions, Charges, PaymentIntents, Refunds, Disputes, Products,
            Prices and Events.
        api_url: Stripe's API.
        prefix: how the keys of our metadata begin, where ``course_key`` alone is taken.
        client_reference_id: ``lms_user_id`` or ``username`` where our own page makes every session. A payment link
            takes it from its address, where anybody can write it.
        owns_lms_user_id: the session's metadata ``lms_user_id`` and ``username`` come from a login: use them.
    """

    api_key: str = field(default="", repr=False)
    api_url: str = "https://api.stripe.com"
    prefix: str = ""
    client_reference_id: str = "ignore"
    owns_lms_user_id: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> StripeOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        words = ("ignore", "lms_user_id", "username")
        made = cls(**checked(source, options, asdict(cls()), client_reference_id=words))
        check_url(source, "api_url", made.api_url)
        if not made.api_key:
            raise OperatorError(
                f"source {source}: Stripe cannot be asked, and its events do not hold the order",
                hint="Set the option api_key: a restricted key that may read.",
            )
        return made
