"""What a store knows of a learner stays in its outbox: no table, no call and no line of the log has it."""
from __future__ import annotations

import logging
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from commerce_events import publish_order_paid
from commerce_events.testing import FakeBus, fulfillment_failed, order_paid, refund_requested
from tests.unit.order_status.listener import Listener

CANARIES = ("canary@example.com", "canary_name", "canary-customer")


def everything_kept() -> str:
    """Every value of every row of the app."""
    return " ".join(
        str(values) for model in apps.get_app_config("commerce_order_status").get_models()
        for values in model._default_manager.values_list()
    )  # fmt: skip


def test_no_name_and_no_address_leaves_the_outbox(
    small_bus: FakeBus, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Listener.heard.clear()
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"*": {"notes": {"HOOK": "tests.unit.order_status.listener.Listener"}}}}
    body = order_paid("1001", username=CANARIES[1], email=CANARIES[0])["order"]
    body["learner"]["store_customer_id"] = CANARIES[2]
    with transaction.atomic():
        publish_order_paid(body)
    small_bus.wait(minutes=16)
    small_bus.deliver(fulfillment_failed(), refund_requested())
    for _ in range(4):
        small_bus.wait(seconds=2)
    assert {news.kind for news in Listener.heard} == {"order.alarm", "order.changed", "refund.requested"}
    told = " ".join(str(news) for news in Listener.heard)
    assert small_bus.events[0].data["learner"]["email"] == CANARIES[0], "it was there to be leaked"
    for canary in CANARIES:
        assert canary not in everything_kept() + told + caplog.text
