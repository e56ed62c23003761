from __future__ import annotations

from typing import Any

import pytest

from commerce_events.testing import FakeBus
from tests.engines.schema import TestDatabase


@pytest.fixture
def store(settings: Any) -> None:
    """This site is a store: it reads the results of what it publishes."""
    settings.COMMERCE_EVENTS = {
        **settings.COMMERCE_EVENTS, "INSTALLATION": "test-store", "TOPICS": ["commerce-fulfillment-lifecycle"],
        "HANDLERS": ["consumers.order_status.handler.OrderStatusHandler"],
    }  # fmt: skip
    settings.COMMERCE_ORDER_STATUS = {}


@pytest.fixture
def bus(database: TestDatabase, store: None) -> FakeBus:
    """A store's bus, on each database."""
    return FakeBus(outbox=True)


@pytest.fixture
def small_bus(sqlite: TestDatabase, store: None) -> FakeBus:
    """A store's bus, on SQLite alone."""
    return FakeBus(outbox=True)
