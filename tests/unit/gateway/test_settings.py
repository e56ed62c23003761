"""The service's settings: a file, the environment over it, and nothing of the platform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commerce_events.checks import findings
from commerce_events.gateway import checks

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "deploy" / "gateway" / "gateway.toml"
ENVIRONMENT = {
    "DATABASE_URL": "sqlite:///:memory:", "WC_WEBHOOK_SECRET": "the-secret-of-the-shop", "WC_CONSUMER_KEY": "ck_1",
    "WC_CONSUMER_SECRET": "cs_1", "COMMERCE_GATEWAY_CONFIG": str(EXAMPLE),
}  # fmt: skip
SHOW = """
import sys
for name in ("openedx_events", "edx_django_utils", "edx_event_bus_kafka", "opaque_keys"):
    sys.modules[name] = None  # as if it were not installed
import django
django.setup()
from django.conf import settings
from commerce_events import checks
from commerce_events.bus.conf import bus_settings
from commerce_events.gateway.wsgi import application
from commerce_events.stores.conf import stores
print([found.id for found in checks.findings()])
print(bus_settings().installation, bus_settings().bootstrap, list(stores()), settings.DATABASES["default"]["ENGINE"])
print(stores())
"""


CHECK = "from commerce_events.gateway.__main__ import main; main(['check'])"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    said = {**ENVIRONMENT, "DJANGO_SETTINGS_MODULE": "commerce_events.gateway.settings", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **said}, capture_output=True, text=True, check=False
    )


def test_the_example_serves_without_any_package_of_the_platform() -> None:
    done = run(SHOW)
    assert done.returncode == 0, done.stderr
    found, known, shown = done.stdout.splitlines()
    assert found == "[]"
    assert known == "campus-gateway kafka-1:9092,kafka-2:9092 ['campus-shop'] django.db.backends.sqlite3"
    assert "the-secret-of-the-shop" not in shown
    assert "cs_1" not in shown


def test_a_section_on_order_status_adds_the_app_that_reads_the_results(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(EXAMPLE.read_text() + "\n[COMMERCE_ORDER_STATUS]\nNO_RESULT_MINUTES = 20\n")
    show = SHOW + "print(list(settings.INSTALLED_APPS), bus_settings().topics, settings.COMMERCE_ORDER_STATUS)\n"
    done = run(show, COMMERCE_GATEWAY_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    found, *_, last = done.stdout.splitlines()
    assert found == "[]"
    assert last == (
        "['commerce_events', 'commerce_events.stores', 'consumers.order_status'] ('commerce-fulfillment-lifecycle',) "
        "{'NO_RESULT_MINUTES': 20}"
    )


def test_the_environment_counts_more_than_the_file() -> None:
    done = run(SHOW, EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS="other:9092")
    assert "other:9092" in done.stdout, done.stderr


def test_a_misspelt_entry_is_refused_with_what_there_is(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('EVENT_BUS_KAFKA_BOOTSTRAP = "kafka:9092"\n')
    done = run(CHECK, COMMERCE_GATEWAY_CONFIG=str(config))
    assert done.returncode == 3
    assert "unknown entries: EVENT_BUS_KAFKA_BOOTSTRAP\nKnown are: DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "words"), [
    (None, "gateway.toml cannot be read"), ("COMMERCE_EVENTS = 3", "COMMERCE_EVENTS is no section"),
    ("[COMMERCE_EVENTS", "gateway.toml cannot be read"), ("[DATABASE_URL]", "DATABASE_URL is no text"),
    ('DATABASE_URL = "gateway:secret@host"', "DATABASE_URL is no address"),
    ("[COMMERCE_GATEWAY]\nAT_ONC = 4", "unknown entries: AT_ONC"),
    ('[COMMERCE_GATEWAY]\nMAX_BODY = "1MB"', "COMMERCE_GATEWAY['MAX_BODY']"),
])  # fmt: skip
def test_a_server_does_not_start_on_a_file_that_cannot_be_used(tmp_path: Path, text: str | None, words: str) -> None:
    config = tmp_path / "gateway.toml"
    if text is not None:
        config.write_text(text)
    said = {"COMMERCE_GATEWAY_CONFIG": str(config), "DATABASE_URL": ""}
    for start in ("import commerce_events.gateway.wsgi", CHECK):
        done = run(start, **said)
        assert words in done.stderr
        if start != CHECK or "COMMERCE_GATEWAY]" not in (text or ""):
            assert done.returncode == 3
            assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_the_command_says_what_is_wrong_with_the_file_and_nothing_of_other_settings() -> None:
    start = "import os; del os.environ['DJANGO_SETTINGS_MODULE']; from commerce_events.cli import main; main()"
    done = run(start.replace("main()", "main(['gateway'])"), COMMERCE_GATEWAY_CONFIG="nope.toml")
    assert done.returncode == 3
    assert "nope.toml cannot be read" in done.stderr
    assert "DJANGO_SETTINGS_MODULE" not in done.stderr


def test_a_check_finds_what_the_service_cannot_use(settings: Any) -> None:
    for said, words in (({"AT_ONC": 4}, "AT_ONC"), ({"MAX_BODY": "1MB"}, "MAX_BODY"), ({"RATES": "no://"}, "RATES")):
        settings.COMMERCE_GATEWAY = said
        (found,) = checks.service()
        assert words in found.msg and found.hint
        assert checks.SETTINGS in [message.id for message in findings()]
    for said in ({}, {"AT_ONCE": 8}):
        settings.COMMERCE_GATEWAY = said
        assert checks.service() == []


def test_a_secret_that_is_not_there_ends_the_start() -> None:
    done = run("import commerce_events.gateway.wsgi", WC_WEBHOOK_SECRET="")
    assert done.returncode != 0
    assert "WC_WEBHOOK_SECRET" in done.stderr
