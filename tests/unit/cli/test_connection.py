"""A command stands where the consumer stands: options, the environment, and the settings of the site."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from commerce_events.bus import access
from commerce_events.bus.conf import bus_settings
from commerce_events.cli import main
from commerce_events.cli.connection import Connection, connect, registry_at
from commerce_events.exceptions import OperatorError

KEY, SECRET = access.BROKER_LOGIN
REGISTRY_KEY, REGISTRY_SECRET = access.REGISTRY_LOGIN


@pytest.fixture
def site(settings: Any) -> Any:
    """A site whose broker and registry want a login."""
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "kafka:9093"
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = "https://registry"
    settings.EVENT_BUS_TOPIC_PREFIX = "prod"
    settings.EVENT_BUS_KAFKA_API_KEY, settings.EVENT_BUS_KAFKA_API_SECRET = "site", "site-hidden"
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY = "site-user"
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET = "site-hidden"
    settings.COMMERCE_EVENTS = {"INSTALLATION": "x", "KAFKA": {"sasl.mechanism": "SCRAM-SHA-512"}}
    return settings


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No Django: options and environment only."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    monkeypatch.setenv(access.BOOTSTRAP, "kafka:9092")
    monkeypatch.setenv(access.REGISTRY, "http://registry")
    return monkeypatch


def login(connection: Connection) -> tuple[Any, Any]:
    return connection.config().get("sasl.username"), connection.config().get("sasl.password")


def test_a_site_is_met_as_its_consumer_meets_it(site: Any) -> None:
    found, consumers = connect(None, None, None, ()), bus_settings()
    assert dict(found.kafka) == dict(consumers.kafka)
    assert found.kafka["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (found.bootstrap, found.registry_url, found.prefix, found.registry_auth) == (
        consumers.bootstrap, consumers.registry_url, consumers.prefix, consumers.registry_auth,
    )  # fmt: skip


def test_the_environment_says_a_login_by_the_stock_names(alone: pytest.MonkeyPatch) -> None:
    for name, value in ((KEY, "user"), (SECRET, "hidden"), (REGISTRY_KEY, "reader"), (REGISTRY_SECRET, "hidden")):
        alone.setenv(name, value)
    found = connect(None, None, None, ())
    assert login(found) == ("user", "hidden")
    assert found.config()["security.protocol"] == "SASL_SSL"
    assert found.registry_auth == ("reader", "hidden")


def test_the_environment_goes_over_the_site_and_options_over_both(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "mine")
    monkeypatch.setenv(SECRET, "mine-hidden")
    found = connect(None, None, "other", ("sasl.mechanism=PLAIN",))
    assert login(found) == ("mine", "mine-hidden")
    assert (found.config()["sasl.mechanism"], found.prefix) == ("PLAIN", "other")


def test_another_broker_is_not_told_the_password_of_the_site(site: Any) -> None:
    found = connect("elsewhere:9092", "http://elsewhere", None, ())
    assert login(found) == (None, None)
    assert "sasl.mechanism" not in found.config()
    assert found.registry_auth is None


def test_half_a_login_in_the_environment_is_not_filled_up_from_the_site(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "mine")
    with pytest.raises(OperatorError, match="set together"):
        connect(None, None, None, ())


def test_the_registry_alone_is_met_in_the_same_way(site: Any) -> None:
    registry, prefix = registry_at(None, None)
    assert (registry.shown, prefix) == ("https://registry", "prod")
    assert registry._auth == ("site-user", "site-hidden")


@pytest.mark.parametrize("command", [["doctor"], ["listen"], ["trigger", "order.paid"]])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--kafka", "nonsense=1"], "nonsense"),
        (["--bootstrap", "kafka"], "host:port"),
        (["--prefix", "a b/ü"], "cannot begin"),
        (["--registry", "nowhere"], "address of the web"),
    ],
)
def test_what_cannot_be_right_ends_with_3_and_a_hint(
    alone: pytest.MonkeyPatch, command: list[str], wrong: list[str], says: str
) -> None:
    alone.setenv(access.BOOTSTRAP, "127.0.0.1:9")
    alone.setenv(access.REGISTRY, "http://127.0.0.1:9")
    ended = CliRunner().invoke(main, [*command, *wrong])
    assert ended.exit_code == 3, ended.output
    assert says in ended.output and "Hint:" in ended.stderr
    assert "Traceback" not in ended.output


def test_no_command_says_a_secret(alone: pytest.MonkeyPatch) -> None:
    alone.setenv(access.REGISTRY, "http://user:hidden@127.0.0.1:9")
    alone.setenv(KEY, "user")
    alone.setenv(SECRET, "hidden")
    ended = CliRunner().invoke(main, ["doctor", "--bootstrap", "127.0.0.1:9", "--kafka", "ssl.key.password=hidden"])
    assert "sasl.username=user" in ended.stdout
    assert "hidden" not in ended.output


def test_settings_that_cannot_be_imported_are_told_by_every_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from commerce_events.cli import main; main()", "listen"],
        env={"DJANGO_SETTINGS_MODULE": "nowhere.settings"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert "nowhere" in ended.stderr and "folder of manage.py" in ended.stderr and "Traceback" not in ended.stderr
