"""Django settings of a small shop that sells seats in courses."""
import os

SECRET_KEY = os.environ.get("SECRET_KEY", "for trying things on")
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["shop", "commerce_events", "consumers.order_status"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "shop.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
    }
}

EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = os.environ.get("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS")
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = os.environ.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL")
EVENT_BUS_TOPIC_PREFIX = os.environ.get("EVENT_BUS_TOPIC_PREFIX", "dev")
COMMERCE_EVENTS = {
    "INSTALLATION": "my-shop",
    "CONSUMER_GROUP": "my-shop",
    "TOPICS": ["commerce-fulfillment-lifecycle"],
    "HANDLERS": ["consumers.order_status.handler.OrderStatusHandler"],
}
