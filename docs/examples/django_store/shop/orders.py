"""The money has come, the money goes back: the LMS hears of both, exactly if they are committed."""
from datetime import UTC, datetime

from django.db import transaction

from commerce_events import (
    LearnerData,
    OrderData,
    OrderLineData,
    RefundData,
    RefundLineData,
    order_key,
    publish_order_paid,
    publish_order_refunded,
)
from shop.models import Order

SOURCE = "shop"


def pay(order: Order) -> None:
    """The payment provider says that the money is there."""
    now = datetime.now(UTC)
    with transaction.atomic():
        order.paid_at = now
        order.save()
        publish_order_paid(OrderData(
            **ids(order), revision=0, paid_at=now, occurred_at=now, is_test=False, email_opt_in=False,
            learner=LearnerData(email=order.email, email_verified=True),
            lines=[OrderLineData(
                line_id="1", product_kind="course_seat", course_key=order.course_key, mode="verified", quantity=1
            )],
        ))  # fmt: skip


def refund(order: Order) -> None:
    """The customer has the money back."""
    now = datetime.now(UTC)
    with transaction.atomic():
        order.is_refunded = True
        order.save()
        publish_order_refunded(RefundData(
            **ids(order), refund_id=f"{order.pk}-1", refund_kind="refund", is_full=True, refunded_at=now,
            occurred_at=now, access_hint="default", is_test=False, learner=LearnerData(email_verified=False),
            lines=[RefundLineData(line_id="1", quantity=1, refunded_total=1, ordered_quantity=1)],
        ))  # fmt: skip


def ids(order: Order) -> dict[str, str]:
    """What names an order, the same in every event of it."""
    number = str(order.pk)
    return {
        "source": SOURCE, "order_id": number, "order_key": order_key(SOURCE, number), "order_number": number,
    }  # fmt: skip
