from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.broker import Broker
from tests.proof.shop import Shop
from tests.proof.three import Three
from tests.proof.three import three as running


@pytest.fixture
def shop(request: pytest.FixtureRequest, broker: Broker, prefix: str) -> Iterator[Shop]:
    """A store on this test's topics, its learners and courses in this test's database."""
    name = next(name for name in ("database", "postgresql", "mariadb") if name in request.fixturenames)
    request.getfixturevalue(name)
    opened = Shop(broker, prefix)
    yield opened
    opened.close()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    """Three brokers of this test alone. Needs Java and Maven."""
    with running(tmp_path) as brokers:
        yield brokers
