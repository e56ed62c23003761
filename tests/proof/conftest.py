from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.broker import Broker
from tests.proof.shop import Shop


@pytest.fixture
def shop(request: pytest.FixtureRequest, broker: Broker, prefix: str) -> Iterator[Shop]:
    """A store on this test's topics, its learners and courses in this test's database."""
    name = next(name for name in ("database", "postgresql", "mariadb") if name in request.fixturenames)
    request.getfixturevalue(name)
    opened = Shop(broker, prefix)
    yield opened
    opened.close()
