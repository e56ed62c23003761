"""System checks of order status; :mod:`commerce_events.checks` says who warns and who refuses."""

from __future__ import annotations

from typing import Any

from django.core import checks

from commerce_events import topics
from commerce_events.bus.conf import merged
from commerce_events.checks import never_raises
from commerce_events.exceptions import OperatorError
from consumers.order_status import conf

SETTINGS = "commerce_order_status.W001"
HOOKS = "commerce_order_status.W002"
HANDLER = "commerce_order_status.W003"

_HANDLER = "consumers.order_status.handler.OrderStatusHandler"


@never_raises(SETTINGS)
def settings(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """The settings can be used, each hook can be made, and somebody reads the results."""
    try:
        said = conf.options()
    except OperatorError as error:
        return [checks.Warning(str(error), hint=error.hint, id=SETTINGS)]
    found: list[checks.CheckMessage] = []
    for source, hooks in said.hooks.items():
        for name in hooks:
            try:
                conf.hook(said, source, name)
            except OperatorError as error:
                found.append(checks.Warning(str(error), hint=error.hint, id=HOOKS))
    try:
        bus = merged()
    except OperatorError:
        return found  # the bus's own check says it
    if _HANDLER not in bus["HANDLERS"] or topics.FULFILLMENT_TOPIC not in bus["TOPICS"]:
        found.append(checks.Warning(
            "Nobody reads the results: every order of this store would be sent again and again.",
            hint=f"COMMERCE_EVENTS: 'HANDLERS': ['{_HANDLER}'] and 'TOPICS': ['{topics.FULFILLMENT_TOPIC}'].",
            id=HANDLER,
        ))  # fmt: skip
    return found
