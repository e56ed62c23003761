"""System checks of the stores: id, message, hint. How they speak, ``commerce_events.checks`` says."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.core import checks

from commerce_events.checks import never_raises
from commerce_events.exceptions import OperatorError
from commerce_events.stores import conf

#: What is said of a store cannot be used.
SETTINGS = "commerce_stores.W001"
#: Two stores have a secret in common.
SHARED = "commerce_stores.W002"
#: A rotation was not ended.
MANY = "commerce_stores.W003"
#: A secret can be guessed.
SHORT = "commerce_stores.W004"

#: Characters of a secret that nobody guesses; every store makes longer ones.
SHORTEST = 16


@never_raises(SETTINGS)
def stores(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about ``COMMERCE_EVENTS['STORES']``."""
    try:
        said = conf.said_of_all()
    except OperatorError:
        return []  # the bus's own check says it
    found: list[checks.CheckMessage] = []
    owners: dict[str, list[str]] = defaultdict(list)
    for source, entries in said.items():
        try:
            store = conf.made(source, entries)
        except OperatorError as error:
            found.append(checks.Warning(str(error), hint=error.hint, id=SETTINGS))
            continue
        found += _of(store)
        for secret in set(store.secrets):
            owners[secret].append(source)
    found += [
        checks.Warning(
            f"The stores {', '.join(sorted(sources))} have a secret in common: each can sign for the others.",
            hint="Give each store a secret of its own.", id=SHARED,
        )
        for sources in owners.values() if len(sources) > 1
    ]  # fmt: skip
    return found


def _of(store: conf.Store) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if len(store.secrets) > 2:
        found.append(checks.Warning(
            f"The store {store.source} has {len(store.secrets)} secrets.",
            hint="Two are enough while one follows the other; then take the old one out.", id=MANY,
        ))  # fmt: skip
    if any(len(secret) < SHORTEST for secret in store.secrets):
        found.append(checks.Warning(
            f"A secret of the store {store.source} is shorter than {SHORTEST} characters.",
            hint="Have the store make one, or take: python -c 'import secrets; print(secrets.token_urlsafe(32))'.",
            id=SHORT,
        ))  # fmt: skip
    return found
