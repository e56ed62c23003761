"""What the API answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LineStatus:
    """One line of an order. ``alarm`` is empty, ``no_result`` or ``not_final``."""

    line_id: str
    state: str
    reason_code: str
    is_final: bool
    alarm: str
    course_key: str
    mode: str
    quantity: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """An order and its lines."""

    source: str
    order_id: str
    order_number: str
    status: str
    changed_at: datetime
    lines: tuple[LineStatus, ...]
