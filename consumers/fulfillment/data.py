"""What :mod:`consumers.fulfillment.api` answers with: plain values, no rows."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, frozen=True)
class Line:
    """One order line as the ledger has it. ``outcome`` and ``reason_code`` are the last word on its purchase."""

    order_key: str
    order_number: str
    line_id: str
    state: str  # waiting held active refunded kept released overridden skipped failed
    lms_user_id: int | None
    course_key: str
    mode: str
    paid_at: datetime | None  # None: only its refund is known
    quantity: int
    refunded_total: int
    outcome: str
    reason_code: str


@dataclass(slots=True, frozen=True)
class Effect:
    """What one decision did to one line. ``line_id`` None: it speaks of the whole order."""

    line_id: str | None
    action: str  # fulfill revoke
    refund_id: str | None
    outcome: str
    reason_code: str
    mode_before: str | None
    mode_after: str | None


@dataclass(slots=True, frozen=True)
class Step:
    """One decision on one event; ``trace`` says where an attempt failed."""

    decided_at: datetime
    event_type: str
    attempt: int
    actor: str  # "rules", the person who asked for it, or "shadow": it was decided so, and nothing was done
    effects: tuple[Effect, ...]
    trace: str


@dataclass(slots=True, frozen=True)
class Journey:
    """Everything that is known of one order: where its lines stand, and how they came there."""

    order_key: str
    revision: int
    is_closed: bool  # reversed as a whole: new lines are skipped
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
