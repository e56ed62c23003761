"""System checks of fulfillment's settings: id, message, hint.

Warnings, because an Error would block ``migrate`` and every other command of the LMS. Our own commands build the
handler, which refuses to start on the same findings.
"""
from __future__ import annotations

from typing import Any

from django.core import checks

from commerce_events.exceptions import OperatorError
from consumers.fulfillment import conf

#: A setting cannot be used.
SETTINGS = "commerce_fulfillment.W001"
#: No store is on the allow-list.
NO_SOURCE = "commerce_fulfillment.W002"
#: The gateway cannot be used.
GATEWAY = "commerce_fulfillment.W003"


def settings(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about ``COMMERCE_FULFILLMENT``."""
    found: list[checks.CheckMessage] = []
    try:
        if not conf.policy().sources:
            found.append(checks.Warning(
                "COMMERCE_FULFILLMENT['SOURCES'] is empty: every order will be refused as source_not_allowed.",
                hint="Name each store that may send orders, e.g. {'SOURCES': {'my-store': {}}}.", id=NO_SOURCE,
            ))  # fmt: skip
    except OperatorError as error:
        return [checks.Warning(str(error), hint=error.hint, id=SETTINGS)]
    try:
        conf.gateway()
    except OperatorError as error:
        found.append(checks.Warning(str(error), hint=error.hint, id=GATEWAY))
    return found
