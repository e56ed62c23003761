"""The world outside of the double: what it was told, and how it can fail. The one module the platform does not have.

E-mails, tracking, the old store and the catalog are calls over a network in the real platform. Here each is a row of
``told``, and an exception in ``failing`` under its name is raised instead.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

told: list[tuple[Any, ...]] = []
failing: dict[str, Exception | Callable[[], object]] = {}
catalog: dict[str, list[str]] = {}  # course uuid → keys of its runs
courses: dict[str, dict[str, Any]] = {}  # the content store: course key → fields of its overview


def tell(whom: str, *what: Any) -> None:
    """Say something to ``email``, ``tracking``, ``store``, ``catalog`` or ``content``."""
    told.append((whom, *what))
    failure = failing.get(whom)
    if isinstance(failure, Exception):
        raise failure
    if failure is not None:
        failure()


def heard(whom: str) -> list[tuple[Any, ...]]:
    return [row[1:] for row in told if row[0] == whom]


def reset() -> None:
    for memory in (told, failing, catalog, courses):
        memory.clear()
