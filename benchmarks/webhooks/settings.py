"""Django settings of the measured server: the gateway's own, one store, and the bare view's table."""
from __future__ import annotations

import os

from commerce_events.gateway.settings import *  # noqa: F403
from commerce_events.gateway.settings import COMMERCE_EVENTS, INSTALLED_APPS, LOGGING

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1iZW5jaG1hcms="
INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks"]
ROOT_URLCONF = "benchmarks.webhooks.urls"
COMMERCE_EVENTS = {
    **COMMERCE_EVENTS,
    "INSTALLATION": "benchmark-gateway",
    "STORES": {"shop": {"KIND": "benchmarks.webhooks.shop:Shop", "SECRETS": [SECRET], "RATE": 0}},
}
LOGGING = {**LOGGING, "handlers": {"stderr": {
    "class": "logging.FileHandler", "filename": os.environ.get("BENCHMARK_LOG", os.devnull), "formatter": "line",
}}}  # fmt: skip
