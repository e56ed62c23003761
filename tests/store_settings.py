"""Django settings of a store that a test starts as processes: it publishes orders, and reads what became of them."""
from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "commerce_events", "consumers.order_status"]
if os.environ.get("COMMERCE_EVENTS_TEST_KILL"):
    INSTALLED_APPS.append("tests.proof.killer.KillerConfig")
SILENCED_SYSTEM_CHECKS: list[str] = []
COMMERCE_EVENTS = {
    **COMMERCE_EVENTS,  # noqa: F405
    "INSTALLATION": "test-store",
    "CONSUMER_GROUP": f"{EVENT_BUS_TOPIC_PREFIX}-store",  # noqa: F405
    "TOPICS": ["commerce-fulfillment-lifecycle"],
    "HANDLERS": ["consumers.order_status.handler.OrderStatusHandler"],
    **json.loads(os.environ.get("COMMERCE_EVENTS_TEST_SETTINGS", "{}")),
}
COMMERCE_ORDER_STATUS = json.loads(os.environ.get("COMMERCE_EVENTS_TEST_ORDER_STATUS", "{}"))
