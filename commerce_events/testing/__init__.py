"""For tests of stores and LMS plugins: a bus without a broker, events and results that follow the contract, assertions.

``commerce_events.testing.plugin`` has the fixtures for pytest.
"""

from commerce_events.testing.assertions import assert_nothing_published, assert_published, assert_refunded
from commerce_events.testing.builders import order_paid, order_refunded
from commerce_events.testing.fake import FakeBus, Placed, Sent
from commerce_events.testing.results import (
    fulfillment_completed,
    fulfillment_deferred,
    fulfillment_failed,
    fulfillment_retained,
    fulfillment_revoked,
    fulfillment_skipped,
    refund_requested,
)

__all__ = [
    "FakeBus",
    "Placed",
    "Sent",
    "assert_nothing_published",
    "assert_published",
    "assert_refunded",
    "fulfillment_completed",
    "fulfillment_deferred",
    "fulfillment_failed",
    "fulfillment_retained",
    "fulfillment_revoked",
    "fulfillment_skipped",
    "order_paid",
    "order_refunded",
    "refund_requested",
]
