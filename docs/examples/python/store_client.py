"""Publish one order with the client of openedx-commerce-events, which needs no Django.

Usage: ``python store_client.py BROKER REGISTRY PREFIX ORDER_ID``
"""
import sys
from datetime import UTC, datetime

from commerce_events import (
    ContractError,
    LearnerData,
    OperatorError,
    OrderData,
    OrderLineData,
    TransientError,
    order_key,
)
from commerce_events.bus.client import StoreClient

broker, registry, prefix, order_id = sys.argv[1:]
now = datetime.now(UTC)
order = OrderData(
    source="shop",
    order_id=order_id,
    order_key=order_key("shop", order_id),
    order_number=order_id,
    revision=0,
    paid_at=now,
    occurred_at=now,
    is_test=False,
    email_opt_in=False,
    learner=LearnerData(email="learner@example.com", email_verified=True),
    lines=[
        OrderLineData(
            line_id="1", product_kind="course_seat", course_key="course-v1:Demo+X+2026", mode="verified", quantity=1
        ),
    ],
)

with StoreClient(broker, registry, prefix=prefix) as store:
    try:
        placed = store.publish_order_paid(order)
    except ContractError as error:  # the order is wrong, and sending it again does not help
        sys.exit(f"{error}. {error.hint}")
    except OperatorError as error:  # no topic, no permission, no schema: somebody must act
        sys.exit(f"{error}. {error.hint}")
    except TransientError as error:  # nobody answers: keep the order and try again, twice does no harm
        sys.exit(f"{error}. Try again later.")
print(f"{placed.topic}[{placed.partition}]@{placed.offset}")
