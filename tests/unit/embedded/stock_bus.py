"""Send an order with the stock producer until the stock consumer has received it; prints the order's key.

A program, run by ``test_stock_bus.py``: the stock consumer has no end of its own.
"""
from __future__ import annotations

import os
import threading
import time
from typing import Any

import django

django.setup()

from edx_event_bus_kafka import KafkaEventConsumer, create_producer  # noqa: E402 – Django must be set up

from commerce_events.objects import from_dict  # noqa: E402
from commerce_events.signals import ORDER_PAID  # noqa: E402
from commerce_events.testing import builders  # noqa: E402
from commerce_events.topics import ORDER_PAID_TYPE, ORDER_TOPIC  # noqa: E402


def send_again_and_again() -> None:
    """The stock consumer begins at the end of the topic, and does not say when it has begun."""
    producer = create_producer()
    order = from_dict(ORDER_PAID_TYPE, builders.order_paid("stock-1", source="shop"))
    while True:
        producer.send(
            signal=ORDER_PAID, topic=ORDER_TOPIC, event_key_field="order.order_key", event_data={"order": order},
            event_metadata=ORDER_PAID.generate_signal_metadata(),
        )  # fmt: skip
        time.sleep(0.5)


def received(sender: Any, order: Any, **_: Any) -> None:
    """End at the first one."""
    os.write(1, f"{order.order_key}\n".encode())
    os._exit(0)


ORDER_PAID.connect(received)
threading.Thread(target=send_again_and_again, daemon=True).start()
KafkaEventConsumer(ORDER_TOPIC, "stock").consume_indefinitely()
