"""Django settings with a secret wherever one can be set, each of which a test would recognise anywhere."""
from __future__ import annotations

import json
import logging
import os

from tests.settings import *  # noqa: F403

SECRETS: dict[str, str] = json.loads(os.environ["COMMERCE_EVENTS_TEST_SECRETS"])

SECRET_KEY = SECRETS["django"]
DATABASES["default"]["PASSWORD"] = SECRETS["database"]  # noqa: F405
EVENT_BUS_KAFKA_API_KEY, EVENT_BUS_KAFKA_API_SECRET = "lms", SECRETS["broker"]
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY, EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET = "lms", SECRETS["registry"]
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL.replace(  # noqa: F405
    "://", f"://somebody:{SECRETS['registry-url']}@"
)
COMMERCE_EVENTS = {
    **COMMERCE_EVENTS,  # noqa: F405
    "STORES": {
        "shop": {
            "KIND": "woocommerce", "SECRETS": [SECRETS["webhook"], "env:COMMERCE_EVENTS_TEST_WEBHOOK"],
            "OPTIONS": {
                "url": "https://shop.example.com", "consumer_key": SECRETS["store-key"],
                "consumer_secret": SECRETS["store"],
            },
        },
        "other": {
            "KIND": "saleor", "SECRETS": [],
            "OPTIONS": {"url": "https://other.example.com", "token": SECRETS["token"]},
        },
    },
}  # fmt: skip
COMMERCE_ORDER_STATUS = {
    "HOOKS": {
        "*": {
            "crm": {
                "HOOK": "consumers.order_status.hooks.signed_webhook.SignedWebhook",
                "URL": f"https://somebody:{SECRETS['hook-url']}@crm.example.com/",
                "SECRETS": [SECRETS["hook"]],
            }
        }
    }
}  # fmt: skip
#: Whatever is told at all.
LOGGING = {
    "version": 1, "disable_existing_loggers": False, "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "DEBUG", "handlers": ["stderr"]},
}  # fmt: skip
logging.getLogger("commerce_events.kafka").filters.clear()
