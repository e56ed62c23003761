"""Settings of the service itself: the dictionary ``COMMERCE_GATEWAY`` over ``DEFAULTS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from commerce_events.exceptions import OperatorError

#: What can be said in ``COMMERCE_GATEWAY``, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "MAX_BODY": 1 << 20,  # bytes of a webhook; a longer one is refused with 413
    "AT_ONCE": 4,  # requests that one process works on at once
    "QUEUED": 8,  # requests of one process that wait for that; more are answered with 503
    "RATES": "memory://",  # where rates are counted: here, or in a Redis for all processes together; of `limits`
}


def options() -> dict[str, Any]:
    """The settings as said, over the defaults.

    Raises:
        OperatorError: an entry is unknown or cannot be used.
    """
    said: Mapping[str, Any] = getattr(settings, "COMMERCE_GATEWAY", {})
    unknown = sorted(said.keys() - DEFAULTS.keys())
    if unknown:
        raise OperatorError(
            f"COMMERCE_GATEWAY has unknown entries: {', '.join(unknown)}",
            hint=f"Known are: {', '.join(sorted(DEFAULTS))}.",
        )
    found = {**DEFAULTS, **said}
    for name, least in (("MAX_BODY", 1024), ("AT_ONCE", 1), ("QUEUED", 0)):
        if not isinstance(found[name], int) or found[name] < least:
            raise OperatorError(
                f"COMMERCE_GATEWAY['{name}'] is no number from {least}", hint=f"The default is {DEFAULTS[name]}."
            )
    return found
