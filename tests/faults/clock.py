"""A wrong clock in one process: an app that the tests' settings add when the environment names a file with seconds.

What the product asks for the time of day is answered with so many seconds more, as often as it asks; the file may
change meanwhile. The clocks of libraries stay right: librdkafka waits by the time of day, and under libfaketime it
never comes to an end.
"""
from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.utils import timezone

ENVIRONMENT = "COMMERCE_EVENTS_TEST_CLOCK"
OURS = ("commerce_events", "consumers")


class _Like(type(datetime)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, datetime)


class Shifted(datetime, metaclass=_Like):
    """The time of day, wrong."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + _off()


def _off() -> timedelta:
    try:
        return timedelta(seconds=float(Path(os.environ[ENVIRONMENT]).read_text(encoding="utf-8") or 0))
    except (OSError, ValueError):  # it is being written
        return timedelta(0)


class ClockConfig(AppConfig):
    """Sets the clock of every module of ours wrong."""

    name = "tests.engines"
    label = "clock"

    def ready(self) -> None:
        for module in ("commerce_events.bus.worker", "consumers.fulfillment.handler"):
            import_module(module)
        for name, loaded in list(sys.modules.items()):
            if name.split(".")[0] in OURS and vars(loaded).get("datetime") is datetime:
                setattr(loaded, "datetime", Shifted)  # noqa: B010 it is no attribute that mypy knows
        right = timezone.now
        timezone.now = lambda: right() + _off()
