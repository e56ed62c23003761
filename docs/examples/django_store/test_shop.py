"""What the shop tells the LMS, and what it makes of the answers."""
import pytest
from django.db import transaction
from shop.models import Order
from shop.orders import pay, refund

from commerce_events import ContractError
from commerce_events.testing import (
    assert_nothing_published,
    assert_published,
    assert_refunded,
    fulfillment_completed,
    fulfillment_failed,
    fulfillment_revoked,
)
from consumers.order_status.api import order_status

COURSE = "course-v1:edX+DemoX+2026"


@pytest.fixture
def order(db):
    """An order that nobody has paid."""
    return Order.objects.create(course_key=COURSE, email="learner@example.com")


def status(order):
    return order_status("shop", str(order.pk)).status


def test_a_paid_order_is_published(order, commerce_bus):
    pay(order)
    assert_published(
        commerce_bus, str(order.pk), learner={"email": "learner@example.com"},
        lines=[{"course_key": COURSE, "mode": "verified"}],
    )


def test_an_order_that_is_not_committed_is_not_published(order, commerce_bus):
    with transaction.atomic():
        pay(order)
        transaction.set_rollback(True)
    assert_nothing_published(commerce_bus)


def test_an_order_without_a_learner_is_refused(order, commerce_bus):
    order.email = ""
    with pytest.raises(ContractError, match="learner"):
        pay(order)


def test_the_learner_is_enrolled_and_refunded(order, commerce_bus):
    pay(order)
    commerce_bus.deliver(fulfillment_completed(str(order.pk)))
    assert status(order) == "fulfilled"
    refund(order)
    assert_refunded(commerce_bus, str(order.pk), is_full=True)
    commerce_bus.deliver(fulfillment_revoked(str(order.pk), refund_id=f"{order.pk}-1"))
    assert status(order) == "refunded"


def test_somebody_must_look(order, commerce_bus):
    pay(order)
    commerce_bus.deliver(fulfillment_failed(str(order.pk), reason_code="course_not_found"))
    assert status(order) == "needs_attention"


def test_an_order_nobody_answers_is_sent_again(order, commerce_bus):
    pay(order)
    assert len(commerce_bus.events) == 1
    commerce_bus.wait(minutes=2)
    assert len(commerce_bus.events) == 2
    commerce_bus.wait(minutes=20)
    assert status(order) == "needs_attention"
