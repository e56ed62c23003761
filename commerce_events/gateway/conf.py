"""Settings of the service itself: the dictionary ``COMMERCE_GATEWAY`` over ``DEFAULTS``."""

from __future__ import annotations

from typing import Any

from commerce_events import entries
from commerce_events.entries import Kind, text, whole

#: What can be said in ``COMMERCE_GATEWAY``, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "MAX_BODY": 1 << 20,  # bytes of a webhook; a longer one is refused with 413
    "AT_ONCE": 4,  # requests that one process works on at once
    "QUEUED": 24,  # requests of one process that wait for that; more are answered with 503
    "RATES": "memory://",  # where rates are counted: here, or in a Redis for all processes together; of `limits`
}
#: What each of them may be.
ENTRIES: dict[str, Kind] = {
    "MAX_BODY": whole(1024, 1 << 30),
    "AT_ONCE": whole(1, 1000),
    "QUEUED": whole(0, 100_000),
    "RATES": text("an address such as redis://host:6379", r"[a-z+]+://.*", is_repeated=False),
}


def options() -> dict[str, Any]:
    """The settings as said, over the defaults.

    Raises:
        OperatorError: an entry cannot be right; the hint says what to write.
    """
    return entries.read("COMMERCE_GATEWAY", DEFAULTS, ENTRIES)
