"""The shop that the documentation shows: its own tests pass, with nothing of a platform installed."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commerce_events import topics
from commerce_events.bus.reader import Reader
from commerce_events.registry import Registry
from tests.engines.broker import Broker

SHOP = Path(__file__).resolve().parents[2] / "docs" / "examples" / "django_store"
ROOT = Path(__file__).resolve().parents[2]

#: As if these were not installed: a store has none of them. Runs what follows in the arguments.
WITHOUT = """
import runpy
import sys
from importlib import util
MISSING = {"edx_event_bus_kafka", "edx_django_utils", "openedx_events", "opaque_keys"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
found = util.find_spec
util.find_spec = lambda name, package=None: None if name.partition(".")[0] in MISSING else found(name, package)
sys.argv = sys.argv[1:]
sys.path.insert(0, "")
runpy.run_path(sys.argv[0], run_name="__main__") if sys.argv[0].endswith(".py") else runpy.run_module(
    sys.argv[0], run_name="__main__", alter_sys=True
)
"""
SELL = """
import django
django.setup()
from shop.models import Order
from shop.orders import pay
pay(Order.objects.create(course_key="course-v1:edX+DemoX+2026", email="learner@example.com"))
"""


def opened(folder: Path, shop: Path = SHOP) -> Path:
    """The shop as somebody would copy it."""
    copy = shutil.copytree(shop, folder / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pytest.ini").write_text("[pytest]\nDJANGO_SETTINGS_MODULE = settings\npythonpath = .\n")
    (copy / "sell.py").write_text(SELL)
    (copy / "cli.py").write_text("from commerce_events.cli import main\nmain()\n")
    return copy


def run(shop: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST", "EVENT_BUS"))}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], cwd=shop, capture_output=True, text=True, check=False, timeout=120,
        env={**kept, "PYTHONPATH": f"{ROOT}:{shop}", **more},
    )  # fmt: skip


def own_tests(shop: Path) -> subprocess.CompletedProcess[str]:
    return run(shop, "pytest", "-q", "-p", "no:cacheprovider")


def test_the_shop_sells_and_the_relay_publishes(broker: Broker, prefix: str, tmp_path: Path) -> None:
    shop = opened(tmp_path)
    there = {
        "DJANGO_SETTINGS_MODULE": "settings", "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": broker.registry_url, "EVENT_BUS_TOPIC_PREFIX": prefix,
    }  # fmt: skip
    register = ("schemas", "register", "--registry", broker.registry_url, "--prefix", prefix, "--yes")
    for step in (
        ("manage.py", "makemigrations", "--check"), ("manage.py", "migrate"), ("cli.py", *register),
        ("sell.py",), ("manage.py", "consume_commerce_events", "--only", "relay", "--until-idle"),
    ):  # fmt: skip
        done = run(shop, *step, **there)
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    reader = Reader({"bootstrap.servers": broker.bootstrap}, Registry(broker.registry_url), [topic], "earliest")
    try:
        (heard,) = (each for some in reader.up_to_now() for each in some)  # one read may end at an empty partition
    finally:
        reader.close()
    assert heard.body["order"]["learner"]["email"] == "learner@example.com"


def test_the_shop_s_own_tests_pass(tmp_path: Path) -> None:
    done = own_tests(opened(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.parametrize(("right", "wrong", "says"), [
    ("with transaction.atomic():\n        order.paid_at", "if True:\n        order.paid_at", "OperatorError"),
    ('mode="verified"', 'mode="honor"', "lines[0].mode: wanted 'verified', found 'honor'"),
])  # fmt: skip
def test_they_can_fail(right: str, wrong: str, says: str, tmp_path: Path) -> None:
    """A shop that forgets the transaction, and one that sells another mode, are found out by these tests."""
    broken = shutil.copytree(SHOP, tmp_path / "broken")
    orders = broken / "shop" / "orders.py"
    assert right in orders.read_text()
    orders.write_text(orders.read_text().replace(right, wrong))
    done = own_tests(opened(tmp_path, broken))
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout
