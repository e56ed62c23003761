from __future__ import annotations

import pytest

from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import DEMO, OTHER, Site


@pytest.fixture
def site(database: TestDatabase) -> Site:
    """A site with two courses."""
    site = Site()
    site.course(DEMO)
    site.course(OTHER, ("audit", "honor", "verified", "professional"))
    return site
