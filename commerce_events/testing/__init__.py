"""For tests of stores and LMS plugins: events that follow the contract, with any field as you want it."""

from commerce_events.testing.builders import order_paid, order_refunded

__all__ = ["order_paid", "order_refunded"]
