"""Django settings of the tests and of the processes that tests start.

A test gives a process the database, broker and options it wants through the environment; what is not said is a SQLite
file in the temporary folder, and no broker.
"""
from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from tests.databases import configuration

SECRET_KEY = "for tests alone"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "commerce_events",
    "commerce_events.stores",
    "consumers.fulfillment",
    "consumers.fulfillment.reference",
    "consumers.order_status",
    "openedx_events",
    "edx_event_bus_kafka",
]
# Nobody reads results here; tests/store_settings.py is a store.
SILENCED_SYSTEM_CHECKS = ["commerce_order_status.W003"]
if os.environ.get("COMMERCE_EVENTS_TEST_KILL"):
    INSTALLED_APPS.append("tests.proof.killer.KillerConfig")
if os.environ.get("COMMERCE_EVENTS_TEST_BUG"):
    INSTALLED_APPS.append("tests.faults.planter.PlanterConfig")
if os.environ.get("COMMERCE_EVENTS_TEST_CLOCK"):
    INSTALLED_APPS.append("tests.faults.clock.ClockConfig")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_file = Path(tempfile.gettempdir(), f"commerce-events-tests-{os.getuid()}.sqlite3")
DATABASES = {"default": configuration(os.environ.get("COMMERCE_EVENTS_TEST_DATABASE") or f"sqlite://{_file}")}

# The stock event bus.
SERVICE_VARIANT = "lms"
EVENTS_SERVICE_NAME = "lms"
EVENT_BUS_PRODUCER = "edx_event_bus_kafka.create_producer"
EVENT_BUS_CONSUMER = "edx_event_bus_kafka.KafkaEventConsumer"
EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = os.environ.get("COMMERCE_EVENTS_TEST_BOOTSTRAP", "127.0.0.1:9")
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = os.environ.get("COMMERCE_EVENTS_TEST_REGISTRY", "http://127.0.0.1:9")
EVENT_BUS_TOPIC_PREFIX = os.environ.get("COMMERCE_EVENTS_TEST_PREFIX", "test")
EVENT_BUS_PRODUCER_CONFIG: dict[str, object] = {}

COMMERCE_EVENTS = {
    "INSTALLATION": "test-lms",
    # A group for each prefix, that is for each test: who was killed in one test is no member in the next. And soon no
    # member in its own: six seconds is the least that Kafka allows.
    "CONSUMER_GROUP": EVENT_BUS_TOPIC_PREFIX,
    "KAFKA": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000},
    "HANDLERS": ["consumers.fulfillment.handler.FulfillmentHandler"],
    "REGISTER_SCHEMAS": True,
    **json.loads(os.environ.get("COMMERCE_EVENTS_TEST_SETTINGS", "{}")),
}
_kafka = json.loads(os.environ.get("COMMERCE_EVENTS_TEST_KAFKA", "{}"))
COMMERCE_EVENTS["KAFKA"] = {**COMMERCE_EVENTS["KAFKA"], **_kafka}
COMMERCE_FULFILLMENT = {
    "SOURCES": {"shop": {}},
    "GATEWAY": "consumers.fulfillment.reference.gateway.ReferenceGateway",
    **json.loads(os.environ.get("COMMERCE_EVENTS_TEST_FULFILLMENT", "{}")),
}
