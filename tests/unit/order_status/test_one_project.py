"""A store and an LMS in one Django project share an order's stream row, and neither disturbs the other."""
from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from commerce_events import identity, publish_order_paid, publish_order_refunded
from commerce_events.identity import text_digest
from commerce_events.testing import FakeBus, order_paid, order_refunded
from commerce_events.topics import EVENT_TYPES
from consumers.fulfillment.reference.models import ReferenceCourse, ReferenceEnrollment
from consumers.order_status import api
from tests.engines.schema import TestDatabase

COURSE = "course-v1:edX+DemoX+2026"


@pytest.fixture
def both(database: TestDatabase, settings: Any) -> FakeBus:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "HANDLERS": [
        "consumers.fulfillment.handler.FulfillmentHandler", "consumers.order_status.handler.OrderStatusHandler",
    ]}  # fmt: skip
    settings.COMMERCE_ORDER_STATUS = {}
    modes = {"audit": None, "verified": None}
    ReferenceCourse.objects.create(digest=text_digest(COURSE), course_key=COURSE, modes=modes)
    return FakeBus(outbox=True)


def turn(bus: FakeBus, seen: int) -> int:
    """Everything that is on the bus and was not read comes to whoever reads it, until there is nothing new."""
    while len(events := bus.events) > seen:
        bus.deliver(*({EVENT_TYPES[event.event_type].argument: event.data} for event in events[seen:]))
        seen = len(events)
    return seen


def test_from_the_shop_s_transaction_to_the_seat_and_back(both: FakeBus) -> None:
    user = get_user_model().objects.create(username="a", email="learner@example.com", is_active=True)
    with transaction.atomic():
        publish_order_paid(order_paid("1001", lms_user_id=user.pk)["order"])
    seen = turn(both, 0)
    found = api.order_status("shop", "1001")
    assert found is not None and found.status == "fulfilled"
    assert ReferenceEnrollment.objects.get(is_active=True).mode == "verified"
    with transaction.atomic():
        publish_order_refunded(order_refunded("1001")["refund"])
    turn(both, seen)
    found = api.order_status("shop", "1001")
    assert found is not None and found.status == "refunded"
    sequences = [event.data["sequence"] - identity.sequence(1, 0) for event in both.events if "sequence" in event.data]
    assert sequences == [1, 2], "publishing takes none of the LMS's numbers"
