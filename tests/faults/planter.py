"""Plants a bug in a process of the laboratory: an app that the tests' settings add when the environment names a bug.

The product reads no such variable and has no switch for it.
"""
from __future__ import annotations

import os

from django.apps import AppConfig

ENVIRONMENT = "COMMERCE_EVENTS_TEST_BUG"


class PlanterConfig(AppConfig):
    """Plants what ``ENVIRONMENT`` names."""

    name = "tests.faults"
    label = "planter"

    def ready(self) -> None:
        from tests.faults.planted import BUGS

        BUGS[os.environ[ENVIRONMENT]][0](setattr)
