"""What an adapter is: five calls, of which only ``fetch`` and ``changed`` speak to the store.

An adapter is made per source, from the source's settings, and keeps no state: what was emitted is kept by whoever calls
it. ``verify``, ``delivery`` and ``read`` are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from commerce_events.exceptions import OperatorError, PermanentError
from commerce_events.stores.snapshot import Snapshot

Headers = Mapping[str, str]  #: names in lower case
Options = Mapping[str, Any]  #: a source's settings; each adapter's page lists its own


class SignatureError(PermanentError):
    """The request is not from the store: refuse with 401, keep nothing. Never says what was expected."""


class BodyError(PermanentError):
    """Signed by the store and not to be understood: acknowledge and set aside, for a person. Quotes no value."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The body names an order and does not hold it: fetch the order, or what ``kind`` says, by its id."""

    id: str
    kind: str = "order"


@dataclass(frozen=True, slots=True)
class Nothing:
    """An event that says nothing about money or access; ``why`` in a few words, for the log."""

    why: str


Reading = Snapshot | Ask | Nothing


class Adapter(Protocol):
    """One source of one kind of store.

    One whose store signs with a key that it publishes says so by ``has_public_keys = True``: it needs no secret.
    One that has no address or key of its API says so by ``can_be_asked = False``: it is not swept.
    One that can tell from a secret that it signs nothing has ``check_secrets(secrets)``, which raises OperatorError.
    """

    def __init__(self, source: str, options: Options) -> None:
        """Check the options; OperatorError with a hint for a wrong one. ``secrets`` are given to ``verify``."""

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
        """Check the signature on the raw bytes against each secret, in constant time.

        Raises:
            SignatureError: none fits, it is missing, or it is too old to count.
            TransientError: the store publishes its keys and does not answer.
        """

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        """The store's id of this delivery, if it has a usable one: the same id is taken once, for ever."""

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        """Understand a verified body.

        Raises:
            BodyError: it breaks the store's own format.
        """

    def fetch(self, ask: Ask) -> Sequence[Reading]:
        """Ask the store. Needs the source's API options.

        Raises:
            TransientError: the store does not answer.
            OperatorError: no API options, or the store refuses them.
        """

    def changed(self, since: datetime) -> Iterator[Reading]:
        """The sweep: everything that changed since, oldest first. Raises as ``fetch`` does."""


#: Kinds of stores that come with the package: name → class, imported when first asked for.
KINDS = {
    "woocommerce": "commerce_events.stores.woocommerce.adapter:WooCommerce",
    "shopify": "commerce_events.stores.shopify.adapter:Shopify",
    "oscar": "commerce_events.stores.oscar.adapter:Oscar",
    "saleor": "commerce_events.stores.saleor.adapter:Saleor",
    "stripe": "commerce_events.stores.stripe.adapter:Stripe",
    "unified_ecommerce": "commerce_events.stores.unified_ecommerce:UnifiedEcommerce",
    "signed_json": "commerce_events.stores.signed_json:SignedJson",
}


def adapter(kind: str, source: str, options: Options) -> Adapter:
    """The adapter of a source.

    Arguments:
        kind: a name of :data:`KINDS`, or ``package.module:Class`` of a site's own.

    Raises:
        OperatorError: there is no such kind, or its options are wrong.
    """
    path = KINDS.get(kind, kind)
    module, _, name = path.partition(":")
    try:
        made: type[Adapter] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        needs = "Install openedx-commerce-events[stores]."
        raise OperatorError(
            f"source {source}: there is no adapter {kind!r} ({type(error).__name__})",
            hint=needs if kind in KINDS else f"One of {', '.join(KINDS)}, or package.module:Class.",
        ) from error
    return made(source, options)
