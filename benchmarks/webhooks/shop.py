"""The store: orders of two lines, as signed JSON. It knows each of them by its number, so that it can be swept."""
from __future__ import annotations

import base64
import hmac
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from benchmarks.webhooks.settings import SECRET
from commerce_events.stores.adapter import Reading
from commerce_events.stores.signed_json import SignedJson

#: Which orders the store says it has, as numbers ``from-to``; the sweep asks for all of them.
ORDERS = "BENCHMARK_ORDERS"


def body(number: int) -> bytes:
    lines = [
        {"line_id": str(line), "quantity": 1, "course_key": f"course-v1:edX+Demo{line}+2026", "mode": "verified"}
        for line in (1, 2)
    ]
    return json.dumps({
        "order_id": str(number), "paid_at": "2026-05-01T12:00:00+00:00", "learner": {"email": "learner@example.com"},
        "items": lines,
    }).encode()  # fmt: skip


def request(path: str, number: int) -> bytes:
    """A request as it goes over the wire; the bare view gets the same bytes."""
    raw, name, at = body(number), f"msg_{number}", str(int(time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"{name}.{at}.".encode() + raw, sha256).digest()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n\r\n"
    )
    return head.encode() + raw


class Shop(SignedJson):
    """The adapter, with a sweep that needs no other server."""

    def changed(self, since: datetime) -> Iterator[Reading]:
        for number in range(*map(int, os.environ[ORDERS].split("-"))):
            yield from self.read({}, body(number))
