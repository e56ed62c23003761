"""Hooks that tell a store what became of its orders.

A hook is made from its entry of ``COMMERCE_ORDER_STATUS["HOOKS"]`` and does one thing: it makes one call. When to try
again, when to give up, and in which order is not its business. A call may come twice: a process can die behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

#: What calls are about, and when each is made.
KINDS = {
    "order.changed": "the status of an order or the state of one of its lines has changed",
    "order.alarm": "a line was not answered, or not ended, in time",
    "refund.requested": "a learner has left; the store decides about money",
}


@dataclass(frozen=True, slots=True)
class News:
    """One call. ``id`` is the same with each attempt; ``body`` is plain JSON without any personal data."""

    id: str
    kind: str
    source: str
    order_id: str
    order_number: str
    body: Mapping[str, Any]
    at: datetime
    attempt: int = 1


class Hook(Protocol):
    """Tells a store."""

    def __init__(self, *, timeout: float, **settings: Any) -> None:
        """Take the settings, in small letters; TypeError or ValueError for wrong ones."""

    def tell(self, news: News) -> None:
        """Make one call.

        Raises:
            TransientError: nobody answers, or says to come again; it is tried again.
            OperatorError: it will not succeed before a person has acted; it is held for one.
        """
