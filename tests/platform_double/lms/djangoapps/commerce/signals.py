from __future__ import annotations

from typing import Any

import outside
from common.djangoapps.student.signals import REFUND_ORDER
from django.dispatch import receiver
from openedx.core.djangoapps.commerce.utils import is_commerce_service_configured


@receiver(REFUND_ORDER)
def handle_refund_order(sender: Any, course_enrollment: Any = None, **kwargs: Any) -> None:
    if is_commerce_service_configured() and course_enrollment and course_enrollment.refundable():
        outside.tell("store", "refund", course_enrollment.id)
