"""A store's own process: it takes orders, one transaction each, until it has taken them all or dies.

``python -m tests.proof.storefront SPEC``, where SPEC is JSON: ``orders`` (order_id, lms_user_id, course_key),
``refunds`` (order ids), and ``dies``: when and at which order it gets its SIGKILL, ``before`` or ``after`` the commit.
A row of Django's groups is the store's own record of an order.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import django


def main(spec: dict[str, Any]) -> None:
    from django.contrib.auth.models import Group
    from django.db import transaction

    from commerce_events import publish_order_paid, publish_order_refunded
    from commerce_events.testing import builders

    def die(when: str, order_id: str) -> None:
        if spec.get("dies") == [when, order_id]:
            os.kill(os.getpid(), signal.SIGKILL)

    for order in spec.get("orders", ()):
        order_id = order["order_id"]
        with transaction.atomic():
            Group.objects.create(name=order_id)
            publish_order_paid(builders.order_paid(**order)["order"])
            die("before", order_id)
        die("after", order_id)
        print(order_id, flush=True)
    for order_id in spec.get("refunds", ()):
        with transaction.atomic():
            publish_order_refunded(builders.order_refunded(order_id)["refund"])


if __name__ == "__main__":
    django.setup()
    main(json.loads(sys.argv[1]))
