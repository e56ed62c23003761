"""Django settings of a measured process: those of the tests, the stock loops' tables, and INFO logging to a file."""
from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import COMMERCE_EVENTS, INSTALLED_APPS

# The register of orders is a store's choice, and has statements of its own in the transaction of each order.
INSTALLED_APPS = [*(app for app in INSTALLED_APPS if app != "consumers.order_status"), "benchmarks"]
COMMERCE_EVENTS = {**COMMERCE_EVENTS, "CONSUMER_GROUP": os.environ.get("BENCHMARK_GROUP", "benchmark")}

# As in production: every loop writes its INFO lines, and pays for them.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lms": {"format": "%(asctime)s %(levelname)s %(process)d [%(name)s] %(filename)s:%(lineno)d - %(message)s"}
    },
    "handlers": {
        "file": {
            "class": "logging.FileHandler", "filename": os.environ.get("BENCHMARK_LOG", os.devnull), "formatter": "lms",
        }
    },
    "root": {"level": "INFO", "handlers": ["file"]},
}  # fmt: skip
