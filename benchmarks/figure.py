"""One line of the table that performance is judged by."""
from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What the loops of one database measured: loop → outcomes.
Measured = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Figure:
    """What was measured, what stands beside it, and whether the goal is reached; None where there is no goal."""

    figure: str
    what: str
    ours: str
    beside: str
    ratio: str
    goal: str
    reached: bool | None


def spread(values: Sequence[float], form: str, unit: str) -> str:
    """The median, and where the others lie."""
    middle = f"{statistics.median(values):{form}}{unit}"
    return middle if len(values) < 2 else f"{middle} ({min(values):{form}}–{max(values):{form}})"
