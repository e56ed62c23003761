"""Django settings of the service, from a TOML file and the environment; the environment counts.

``COMMERCE_GATEWAY_CONFIG`` names the file. Both speak in the names of ``docs/references/settings.rst``::

    DATABASE_URL = "postgresql://gateway@db.example.com/gateway"
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "kafka-1:9092,kafka-2:9092"

    [COMMERCE_EVENTS.STORES.campus-shop]
    KIND = "woocommerce"
    SECRETS = ["env:WC_SECRET"]

A section ``[COMMERCE_ORDER_STATUS]``, be it empty, adds the app that follows orders to their end and tells the stores.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

import dj_database_url

from commerce_events.exceptions import OperatorError

#: What the environment may say; the file may say these and the dictionaries.
NAMES = (
    "DATABASE_URL", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL",
    "EVENT_BUS_KAFKA_API_KEY", "EVENT_BUS_KAFKA_API_SECRET", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY",
    "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "EVENT_BUS_TOPIC_PREFIX",
)  # fmt: skip
_DICTIONARIES = ("COMMERCE_EVENTS", "COMMERCE_GATEWAY", "COMMERCE_ORDER_STATUS")


def _file() -> dict[str, Any]:
    name = os.environ.get("COMMERCE_GATEWAY_CONFIG")
    if not name:
        return {}
    try:
        said = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"COMMERCE_GATEWAY_CONFIG: {name} cannot be read: {error}",
            hint=f"It names a file in TOML, seen from here ({Path.cwd()}); deploy/gateway/gateway.toml is an example.",
        ) from error
    unknown = sorted(said.keys() - {*NAMES, *_DICTIONARIES})
    if unknown:
        raise OperatorError(
            f"{name} has unknown entries: {', '.join(unknown)}",
            hint=f"Known are: {', '.join((*NAMES, *_DICTIONARIES))}.",
        )
    for entry, value in said.items():
        if isinstance(value, dict) != (entry in _DICTIONARIES):
            raise OperatorError(
                f"{name}: {entry} is {'no section' if entry in _DICTIONARIES else 'no text'}",
                hint=f"Write [{entry}]." if entry in _DICTIONARIES else f'Write {entry} = "…", before every section.',
            )
    return said


def _database(url: str) -> dict[str, Any]:
    """READ COMMITTED, an end to waiting, and on SQLite one writer who waits its turn.

    How long a statement may take is said by the web server alone (``wsgi.py``): a migration may take its time.
    """
    seconds = int(os.environ.get("COMMERCE_GATEWAY_STATEMENT_SECONDS", "0"))
    try:
        said: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=None))
    except ValueError:  # its text holds the address, which may hold a password
        raise OperatorError(
            "DATABASE_URL is no address of a database",
            hint="Such as postgresql://gateway@db.example.com/gateway; in a password, write %23 for #, and so on.",
        ) from None
    options: dict[str, Any] = {}
    match said["ENGINE"].rpartition(".")[2]:
        case "postgresql":
            options = {
                "connect_timeout": 2, "tcp_user_timeout": 5000,
                "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
            }  # fmt: skip
            if seconds:
                limits = {"statement_timeout": seconds, "idle_in_transaction_session_timeout": 2 * seconds}
                options["options"] = " ".join(f"-c {name}={limit}s" for name, limit in limits.items())
        case "mysql":
            options = {
                "charset": "utf8mb4", "isolation_level": "read committed", "connect_timeout": 2,
                "init_command": "SET default_storage_engine=INNODB, sql_mode='STRICT_TRANS_TABLES'",
            }  # fmt: skip
            if seconds:
                options |= {"read_timeout": seconds, "write_timeout": seconds}
        case "sqlite3":
            options = {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", "transaction_mode": "IMMEDIATE",
                "timeout": seconds or 30,
            }  # fmt: skip
    return {**said, "OPTIONS": {**options, **said.get("OPTIONS", {})}}


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
if "COMMERCE_ORDER_STATUS" in _said:
    INSTALLED_APPS.append("consumers.order_status")
    COMMERCE_ORDER_STATUS = _said["COMMERCE_ORDER_STATUS"]
    COMMERCE_EVENTS = {
        "TOPICS": ["commerce-fulfillment-lifecycle"],
        "HANDLERS": ["consumers.order_status.handler.OrderStatusHandler"], **COMMERCE_EVENTS,
    }  # fmt: skip

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    # Django would tell each refusal once more, and a failure with the values in it.
    "loggers": {"django.request": {"level": "CRITICAL"}},
}
