"""Fixtures for a store's own tests. In its ``conftest.py``::

    pytest_plugins = ["commerce_events.testing.plugin"]

``fake_bus``
    A bus in the place of a ``StoreClient``; needs nothing.

``commerce_bus``
    The bus of a Django project: what waits in the outbox, and results for the site's handlers. Needs pytest-django,
    whose ``db`` it asks for.
"""

from __future__ import annotations

from typing import Any

import pytest

from commerce_events.testing.fake import FakeBus


@pytest.fixture
def fake_bus() -> FakeBus:
    """A bus in the place of a client."""
    return FakeBus()


@pytest.fixture
def commerce_bus(db: Any) -> FakeBus:
    """The bus of a Django project."""
    return FakeBus(outbox=True)
