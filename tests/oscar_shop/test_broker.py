"""From Oscar's checkout over a broker to the enrollment, and back: nothing is left out but the network between them."""

from __future__ import annotations

import pytest

from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.oscar_shop.shop import DEMO, Shop
from tests.unit.fulfillment.site import Site


def consumed(processes: Processes) -> None:
    """Relay, intake and handle, until nothing is left."""
    processes.environment["DJANGO_SETTINGS_MODULE"] = "tests.oscar_shop.settings"
    result = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle")
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_a_checkout_ends_in_an_enrollment_and_a_refund_in_its_reversal(
    postgresql: TestDatabase, processes: Processes
) -> None:
    shop, site = Shop(), Site()
    site.course(DEMO)
    learner = shop.user()
    order = shop.buy(shop.seat(), user=learner)
    assert site.seat(learner) is None
    consumed(processes)
    assert site.seat(learner) == "verified"
    shop.refund(order, {order.lines.get(): 1}, "10.00")
    consumed(processes)
    assert site.seat(learner) is None
