"""Django settings of the service, from a TOML file and the environment; the environment counts.

``COMMERCE_GATEWAY_CONFIG`` names the file. Both speak in the names of ``docs/references/settings.rst``::

    DATABASE_URL = "postgresql://gateway@db.example.com/gateway"
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "kafka-1:9092,kafka-2:9092"

    [COMMERCE_EVENTS.STORES.campus-shop]
    KIND = "woocommerce"
    SECRETS = ["env:WC_SECRET"]
"""

from __future__ import annotations

import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

#: What the environment may say; the file may say these and the two dictionaries.
NAMES = (
    "DATABASE_URL", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL",
    "EVENT_BUS_KAFKA_API_KEY", "EVENT_BUS_KAFKA_API_SECRET", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY",
    "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "EVENT_BUS_TOPIC_PREFIX",
)  # fmt: skip
_DICTIONARIES = ("COMMERCE_EVENTS", "COMMERCE_GATEWAY")


def _file() -> dict[str, Any]:
    name = os.environ.get("COMMERCE_GATEWAY_CONFIG")
    if not name:
        return {}
    try:
        said = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"COMMERCE_GATEWAY_CONFIG: {name} cannot be read: {error}") from error
    unknown = sorted(said.keys() - {*NAMES, *_DICTIONARIES})
    if unknown:
        raise ImproperlyConfigured(
            f"{name} has unknown entries: {', '.join(unknown)}. Known are: {', '.join((*NAMES, *_DICTIONARIES))}."
        )
    return said


def _database(url: str) -> dict[str, Any]:
    """READ COMMITTED, an end to every wait, and on SQLite one writer who waits its turn."""
    said: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=None))
    more: dict[str, dict[str, Any]] = {
        "django.db.backends.postgresql": {
            "connect_timeout": 2,
            "options": "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000",
        },
        "django.db.backends.mysql": {
            "charset": "utf8mb4", "isolation_level": "read committed", "connect_timeout": 2, "read_timeout": 5,
            "write_timeout": 5,
            "init_command": "SET default_storage_engine=INNODB, sql_mode='STRICT_TRANS_TABLES', "
            "innodb_lock_wait_timeout=2",
        },
        "django.db.backends.sqlite3": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", "transaction_mode": "IMMEDIATE",
            "timeout": 5,
        },
    }  # fmt: skip
    said["OPTIONS"] = {**more.get(said["ENGINE"], {}), **said.get("OPTIONS", {})}
    return said


_said = {**_file(), **{name: os.environ[name] for name in NAMES if os.environ.get(name)}}

SECRET_KEY = secrets.token_urlsafe()  # nothing is signed with it: no session, no form
DEBUG = False
ALLOWED_HOSTS = ["*"]  # the host's name is never used
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["commerce_events", "commerce_events.stores"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "commerce_events.gateway.urls"
WSGI_APPLICATION = "commerce_events.gateway.wsgi.application"
DATABASES = {"default": _database(_said.get("DATABASE_URL", "sqlite:///commerce-gateway.sqlite3"))}

EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = _said.get("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS")
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = _said.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL")
EVENT_BUS_KAFKA_API_KEY = _said.get("EVENT_BUS_KAFKA_API_KEY")
EVENT_BUS_KAFKA_API_SECRET = _said.get("EVENT_BUS_KAFKA_API_SECRET")
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY = _said.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY")
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET = _said.get("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET")
EVENT_BUS_TOPIC_PREFIX = _said.get("EVENT_BUS_TOPIC_PREFIX", "")
EVENTS_SERVICE_NAME = "commerce-gateway"

COMMERCE_EVENTS = {"INSTALLATION": "commerce-gateway", **_said.get("COMMERCE_EVENTS", {})}
COMMERCE_GATEWAY = _said.get("COMMERCE_GATEWAY", {})

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    # Django would tell each refusal once more, and a failure with the values in it.
    "loggers": {"django.request": {"level": "CRITICAL"}},
}
