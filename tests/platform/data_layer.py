"""A site's own data layer of enrollments: the platform's, which says when it is called."""
from __future__ import annotations

from typing import Any

from openedx.core.djangoapps.enrollments import data

called: list[str] = []


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)

    def call(*args: Any, **more: Any) -> Any:
        called.append(name)
        return getattr(data, name)(*args, **more)

    return call
