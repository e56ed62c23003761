"""Stripe's signature: ``t=…,v1=…``, the HMAC of ``t.body`` in hexadecimal digits.

The whole ``whsec_…`` is the key; while a secret is rolled there are several ``v1``. Whatever else stands there does not
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from commerce_events.stores.adapter import SignatureError
from commerce_events.stores.signatures import any_fits, from_hex, is_recent

TOLERANCE = 300  # seconds


def check(header: str, raw: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Check it.

    Raises:
        SignatureError: none fits, or it is too old.
    """
    parts = [part.partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in parts if name == "t"]
    given = [value for name, value in parts if name == "v1"]
    if len(times) != 1 or not given:
        raise SignatureError("the signature has no time or no v1")
    is_recent(times[0], now, TOLERANCE)
    any_fits(map(from_hex, given), [secret.encode() for secret in secrets], times[0].encode() + b"." + raw)
