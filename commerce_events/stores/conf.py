"""The stores that this installation listens to: ``COMMERCE_EVENTS['STORES']``, read once and checked.

::

    COMMERCE_EVENTS = {"STORES": {"campus-shop": {
        "KIND": "woocommerce", "SECRETS": ["env:WC_SECRET"],
        "OPTIONS": {"url": "https://shop.example.com", "consumer_key": "env:WC_KEY", "consumer_secret": "env:WC_CS"},
    }}}

A value ``env:NAME``, in secrets and in options, is taken from the environment. No secret is ever in the database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from commerce_events.bus.conf import merged
from commerce_events.entries import PAGE
from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Adapter, adapter

#: What can be said of a store, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "KIND": "",  # woocommerce, shopify, saleor, stripe, unified_ecommerce, signed_json; or package.module:Class
    "SECRETS": [],  # what the store signs with; two while one follows the other; none where it has public keys
    "OPTIONS": {},  # what its adapter takes: address and key of its API, and what its page says
    "RATE": 6000,  # signed deliveries a minute, of each process; more are answered with 429
    "SWEEP": 600,  # seconds between two times the store is asked what has changed; 0: never
}
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_FROM_ENVIRONMENT = "env:"


@dataclass(frozen=True, slots=True)
class Store:
    """One store as the code uses it."""

    source: str
    kind: str
    adapter: Adapter = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    rate: int
    sweep: float

    @property
    def can_be_asked(self) -> bool:
        """Whether its adapter knows its API; one that says nothing does."""
        return bool(getattr(self.adapter, "can_be_asked", True))

    @property
    def is_swept(self) -> bool:
        """Whether it is asked by itself what has changed."""
        return self.sweep > 0 and self.can_be_asked


@cache
def stores() -> dict[str, Store]:
    """Every store, by its slug.

    Raises:
        OperatorError: one of them cannot be used; the hint says what to write.
    """
    return {source: made(source, said) for source, said in said_of_all().items()}


@receiver(setting_changed)
def _forget(setting: str, **_: Any) -> None:
    """Settings change in tests."""
    if setting.startswith("COMMERCE_EVENTS"):
        stores.cache_clear()


def said_of_all() -> Mapping[str, Any]:
    """The dictionary as it stands."""
    said: Mapping[str, Any] = merged()["STORES"]
    return said


def made(source: str, said: Any) -> Store:
    """One store from what is said of it.

    Raises:
        OperatorError: it cannot be used.
    """
    where = f"COMMERCE_EVENTS['STORES']['{source}']"
    if not _SLUG.fullmatch(str(source)):
        raise OperatorError(
            f"{where}: this is no slug of a store",
            hint="Small letters, digits, '.', '_' and '-', at most 32; the LMS allows the store by the same slug.",
        )
    if not isinstance(said, Mapping):
        raise OperatorError(f"{where} is no dictionary", hint="At least {'KIND': …, 'SECRETS': […]}.")
    unknown = sorted(said.keys() - DEFAULTS.keys())
    if unknown:
        raise OperatorError(
            f"{where} has unknown entries: {', '.join(unknown)}", hint=f"Known are: {', '.join(DEFAULTS)}."
        )
    entries = {**DEFAULTS, **said}
    if not entries["KIND"] or not isinstance(entries["KIND"], str):
        raise OperatorError(f"{where} says no KIND", hint=f"Such as woocommerce; {PAGE}")
    for name in ("RATE", "SWEEP"):
        if isinstance(entries[name], bool) or not isinstance(entries[name], int | float) or entries[name] < 0:
            raise OperatorError(f"{where}: {name} is no number from 0", hint=f"Without it, {DEFAULTS[name]} holds.")
    secrets = entries["SECRETS"]
    found = tuple(_said(secret, f"{where}: SECRETS") for secret in secrets) if isinstance(secrets, list | tuple) else ()
    if not all(isinstance(secret, str) and secret for secret in found):
        raise OperatorError(f"{where}: a secret is empty, or no text", hint="Anybody could sign with an empty one.")
    made = adapter(entries["KIND"], source, _said(entries["OPTIONS"], f"{where}: OPTIONS"))
    if not found and not getattr(made, "has_public_keys", False):
        raise OperatorError(
            f"{where} has no list of SECRETS", hint="Such as ['env:SHOP_SECRET'], and two during a rotation."
        )
    if hasattr(made, "check_secrets"):
        made.check_secrets(found)
    return Store(source, entries["KIND"], made, found, int(entries["RATE"]), float(entries["SWEEP"]))


def _said(value: Any, where: str) -> Any:
    """A value with everything that it leaves to the environment."""
    if isinstance(value, Mapping):
        return {name: _said(inner, f"{where}[{name!r}]") for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_said(inner, where) for inner in value]
    if isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT):
        name = value.removeprefix(_FROM_ENVIRONMENT)
        if not os.environ.get(name):
            raise OperatorError(
                f"{where} names the environment's {name}, which is not set",
                hint=f"Set {name} where this process starts.",
            )
        return os.environ[name]
    return value
