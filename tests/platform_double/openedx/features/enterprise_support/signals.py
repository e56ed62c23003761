"""What companies pay for: a voucher is refunded when the learner leaves."""
from __future__ import annotations

from typing import Any

import outside
from common.djangoapps.student.signals import UNENROLL_DONE
from django.dispatch import receiver


@receiver(UNENROLL_DONE)
def refund_order_voucher(sender: Any, course_enrollment: Any, skip_refund: bool = False, **kwargs: Any) -> None:
    if not skip_refund and course_enrollment.refundable():
        outside.tell("store", "voucher", course_enrollment.id)
