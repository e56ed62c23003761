"""Two tiny stores, what went out for them, and how a delivery is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.stores import tiny

SECRET = "the-secret-of-the-shop"
OTHER_SECRET = "the-secret-of-the-other"
STORES = {
    "shop": {"KIND": tiny.KIND, "SECRETS": [SECRET]},
    "other": {"KIND": tiny.KIND, "SECRETS": [OTHER_SECRET], "OPTIONS": {"sweeps": "asks"}},
}


@pytest.fixture
def shops(settings: Any) -> Iterator[dict[str, tiny.Shop]]:
    """The stores' own sides, by slug; the settings name them."""
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": STORES}
    tiny.SHOPS.clear()
    for source in STORES:
        tiny.SHOPS[source] = tiny.Shop()
    yield tiny.SHOPS
    tiny.SHOPS.clear()
