"""Products without access – a donation, a printed book –: there is nothing to fulfil and nothing to revoke (R39)."""
from __future__ import annotations

from typing import Any

from .decision import Case, LineResult, acknowledge, conclude
from .state import Grant, Order


def fulfil(case: Case, order: Order, grant: Grant, who: dict[str, Any]) -> LineResult:
    """Say so, once."""
    return conclude(grant, "skipped", "skipped", "nothing_to_fulfill")


def revoke(case: Case, order: Order, grant: Grant, refund_id: str | None) -> LineResult:
    """Say so, for each refund: the store waits for an answer."""
    return acknowledge(grant, refund_id, "skipped", "nothing_to_fulfill")
