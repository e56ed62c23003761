"""System check of an Oscar shop: id, message, hint. How it speaks, ``commerce_events.checks`` says."""

from __future__ import annotations

from typing import Any

from django.core import checks

from commerce_events.exceptions import OperatorError
from commerce_events.stores.conf import stores
from commerce_events.stores.oscar.adapter import Oscar

#: The shop is heard, and nothing of it is published.
NOBODY = "commerce_oscar.W001"


def shop(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about the shop."""
    try:
        if any(isinstance(store.adapter, Oscar) for store in stores().values()):
            return []
    except OperatorError:
        return []  # what is wrong, commerce_stores.W001 says
    return [checks.Warning(
        "COMMERCE_EVENTS['STORES'] names no store of the kind oscar: no order of this shop is published.",
        hint="Add {'campus-shop': {'KIND': 'oscar'}}, or take commerce_events.stores.oscar out of INSTALLED_APPS.",
        id=NOBODY,
    )]  # fmt: skip
