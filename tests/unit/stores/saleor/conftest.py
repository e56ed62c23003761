"""A shop."""

from __future__ import annotations

import pytest

from tests.unit.stores.fake_saleor import FakeSaleor


@pytest.fixture
def shop() -> FakeSaleor:
    return FakeSaleor()
