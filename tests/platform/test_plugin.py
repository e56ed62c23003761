"""The plugin in a project laid out like the LMS: found by its entry points, quiet with others' settings, at work."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.testing import builders
from consumers.fulfillment.settings import common, production
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.platform.site import DEMO, LmsSite

OURS = ("commerce_events.", "consumers.")
ENTRY_POINTS = [point for point in entry_points(group="lms.djangoapp") if point.value.startswith(OURS)]
SITE = {
    "COMMERCE_EVENTS": {"INSTALLATION": "my-lms", "REGISTER_SCHEMAS": True},
    "COMMERCE_FULFILLMENT": {"SOURCES": {"shop": {}}},
}
SHOW = """
import json, django
django.setup()
from django.apps import apps
from django.conf import settings
from commerce_events import checks
from commerce_events.bus.conf import bus_settings
from consumers.fulfillment import conf
print(json.dumps({
    "apps": [config.name for config in apps.get_app_configs()],
    "handlers": bus_settings().handlers,
    "gateway": type(conf.gateway()).__name__,
    "sources": list(conf.policy().sources),
    "site": {name: getattr(settings, name) for name in ("COMMERCE_EVENTS", "COMMERCE_FULFILLMENT")},
    "producer": list(settings.EVENT_BUS_PRODUCER_CONFIG),
    "found": [message.id for message in checks.checks.run_checks(tags=[checks.TAG])],
}))
"""


def environment(folder: Path, said: dict[str, Any], module: str = "tutor") -> dict[str, str]:
    site = folder / "lms.yml"
    site.write_text(json.dumps(said), encoding="utf-8")
    return {"LMS_CFG": str(site), "DJANGO_SETTINGS_MODULE": f"tests.platform.project.{module}"}


def started(source: str, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    bare = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-c", source], env={**bare, **more}, cwd=root, capture_output=True, text=True, check=False
    )


def test_the_lms_finds_both_apps() -> None:
    assert sorted(point.name for point in ENTRY_POINTS) == ["commerce_events", "commerce_fulfillment"]


@pytest.mark.parametrize("point", ENTRY_POINTS, ids=lambda point: str(point.name))
def test_an_entry_point_loads_without_settings_and_is_featherweight(point: Any) -> None:
    """A failing import would be one line in a log, and the app would be missing."""
    module, _, name = point.value.partition(":")
    ended = started(
        f"import sys\nfrom {module} import {name}\nimport consumers.fulfillment.settings.production\n"
        f"assert {name}.plugin_app is not None\n"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('confluent_kafka', 'fastavro', 'openedx_events', 'edx_django_utils', 'orjson')])", {},
    )  # fmt: skip
    assert (ended.stderr, ended.stdout) == ("", "[]\n")


def test_a_settings_module_named_by_the_plugin_exists() -> None:
    from consumers.fulfillment.apps import FulfillmentConfig

    named = FulfillmentConfig.plugin_app["settings_config"]["lms.djangoapp"]
    assert {kind: at["relative_path"] for kind, at in named.items()} == {
        "common": "settings.common", "production": "settings.production",
    }  # fmt: skip
    assert production.plugin_settings is common.plugin_settings


def test_nothing_that_anybody_said_is_changed() -> None:
    said = {
        "COMMERCE_EVENTS": {"INSTALLATION": "x"}, "COMMERCE_FULFILLMENT": {"SOURCES": {}},
        "COMMERCE_FULFILLMENT_DEFAULTS": {"GATEWAY": "site.Gateway"}, "EVENT_BUS_PRODUCER": "redis",
        "INSTALLED_APPS": ["a", "openedx_events", "b"],
    }  # fmt: skip
    settings = SimpleNamespace(**json.loads(json.dumps(said)))
    for _ in range(2):
        common.plugin_settings(settings)
    added = vars(settings).pop("COMMERCE_EVENTS_DEFAULTS")
    assert list(added) == ["HANDLERS"]
    assert vars(settings) == said


@pytest.mark.parametrize("apps", [
    ["openedx_events", common.OURS, "b"], [common.OURS, "openedx_events", "b"], ["b"], [], ("openedx_events", "b"),
])  # fmt: skip
def test_our_app_is_put_before_the_one_that_looks_for_its_signals(apps: Any) -> None:
    settings = SimpleNamespace(INSTALLED_APPS=apps)
    names = sorted(apps)
    common.plugin_settings(settings)
    if common.OURS in names:
        assert settings.INSTALLED_APPS.index(common.OURS) < settings.INSTALLED_APPS.index("openedx_events")
    assert sorted(settings.INSTALLED_APPS) == names


@pytest.mark.parametrize("module", ["production", "tutor"])
def test_a_project_like_the_lms_starts_with_the_plugin(tmp_path: Path, module: str) -> None:
    ended = started(SHOW, environment(tmp_path, SITE, module))
    assert ended.returncode == 0, ended.stderr
    shown = json.loads(ended.stdout)
    names = shown["apps"]
    assert names.index("commerce_events") < names.index("openedx_events")
    assert "consumers.fulfillment" in names
    assert shown["handlers"] == ["consumers.fulfillment.handler.FulfillmentHandler"]
    assert (shown["gateway"], shown["sources"]) == ("PlatformGateway", ["shop"])
    assert shown["site"] == SITE, "the site's own dictionaries are as it said them"
    assert shown["producer"] == ["org.openedx.learning.course.enrollment.changed.v1"]
    assert shown["found"] == []


def test_a_site_that_says_nothing_starts_and_is_warned(tmp_path: Path) -> None:
    ended = started("import django; django.setup(); from django.core.management import call_command; "
                    "call_command('check')", environment(tmp_path, {}))  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "commerce_events.W001" in ended.stderr and "INSTALLATION" in ended.stderr
    assert "commerce_fulfillment.W002" in ended.stderr


def test_the_apps_need_no_order(tmp_path: Path) -> None:
    """Should a site undo it: Django imports every app's models before the first is ready, and the LMS starts."""
    said = {**SITE, "EVENT_BUS_PRODUCER_CONFIG": {topics.ORDER_PAID_TYPE: {
        "orders": {"event_key_field": "order.order_key", "enabled": False},
    }}}  # fmt: skip
    undone = (
        "from django.conf import settings\nours = 'commerce_events.apps.CommerceEventsConfig'\n"
        "settings.INSTALLED_APPS.remove(ours)\nsettings.INSTALLED_APPS.append(ours)\n"
    )
    ended = started(undone + SHOW, environment(tmp_path, said))
    assert ended.returncode == 0, ended.stderr
    assert sorted(json.loads(ended.stdout)["found"]) == ["commerce_events.W006", "commerce_events.W007"]


@pytest.mark.parametrize("command", [
    ("consume_commerce_events", "--from", "earliest", "--until-idle"),
    ("consume_events", "-t", "commerce-order-lifecycle", "-g", "the-group",
     "--extra", '{"from": "earliest", "until_idle": true}'),
], ids=["ours", "the stock one"])  # fmt: skip
def test_an_order_is_fulfilled_by_either_command(
    database: TestDatabase, broker: Broker, prefix: str, processes: Processes, tmp_path: Path, command: tuple[str, ...]
) -> None:
    if database.kind != "sqlite":
        return  # the project is what is tried here
    site = LmsSite()
    site.course(DEMO)
    ada = site.user("ada")
    store = StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, register=True)
    store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("100", lms_user_id=ada.pk, course_key=DEMO))
    processes.environment.update(environment(tmp_path, SITE))
    ended = processes.manage(*command)
    assert ended.returncode == 0, ended.stderr
    assert site.seat(ada) == "verified", ended.stderr
    assert [result["outcome"] for result in site.results()] == ["completed"]


@pytest.mark.parametrize("command", [
    ("consume_commerce_events",), ("consume_events", "-t", "commerce-order-lifecycle", "-g", "g"),
], ids=["ours", "the stock one"])  # fmt: skip
def test_a_dangerous_site_is_refused_by_either_command(
    database: TestDatabase, processes: Processes, tmp_path: Path, command: tuple[str, ...]
) -> None:
    if database.kind != "sqlite":
        return
    processes.environment.update(environment(tmp_path, {**SITE, "ECOMMERCE_API_URL": "http://127.0.0.1:9/api/v2",
                                                        "ECOMMERCE_PUBLIC_URL_ROOT": "http://127.0.0.1:9"}))
    ended = processes.manage(*command)
    assert ended.returncode == 3, ended.stderr
    assert "commerce_fulfillment.W004" in ended.stderr
    assert processes.manage("check").returncode == 0, "the LMS goes on"
