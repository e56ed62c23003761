"""A store and an LMS, each with processes and a database of its own: what is paid is fulfilled, and the store knows."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from standardwebhooks import Webhook

from commerce_events import topics
from consumers.order_status.models import Order, OrderLine
from tests.databases import with_name
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase, pointed_at
from tests.proof import checkers
from tests.proof.service import Service
from tests.proof.shop import COURSES, Shop
from tests.unit.stores import tiny

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.real


class Store:
    """The store's side: its processes, its orders, and how they stand."""

    def __init__(self, processes: Processes, shop: Shop) -> None:
        self.processes, self.shop = processes, shop
        migrated = processes.manage("migrate", "-v", "0")
        assert migrated.returncode == 0, migrated.stderr

    def order(self, number: int) -> dict[str, Any]:
        """A seat of its own for each order."""
        learner = self.shop.learners[number % len(self.shop.learners)]
        key = f"{COURSES[0]}-{number // len(self.shop.learners)}"
        self.shop._course(key)
        self.shop.expected[learner, key] = "verified"
        self.shop.orders.append(f"shop:{number}")
        return {"order_id": str(number), "lms_user_id": learner, "course_key": key}

    def refunded(self, number: int) -> str:
        """Take an order out of what is expected."""
        learner = self.shop.learners[number % len(self.shop.learners)]
        del self.shop.expected[learner, f"{COURSES[0]}-{number // len(self.shop.learners)}"]
        return str(number)

    def start(self, **spec: Any) -> subprocess.Popen[str]:
        """The storefront, running."""
        environment = {**os.environ, **self.processes._environment(None)}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.proof.storefront", json.dumps(spec)], cwd=ROOT, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sell(self, **spec: Any) -> int:
        """The storefront, to its end; how it ended."""
        running = self.start(**spec)
        _, said = running.communicate(timeout=60)
        assert running.returncode in (0, -signal.SIGKILL), said
        return running.returncode

    def states(self) -> dict[str, str]:
        """How the line of each order stands, by the store's own database."""
        with pointed_at(self.processes.environment["COMMERCE_EVENTS_TEST_DATABASE"]):
            return {
                order.order_key: OrderLine.objects.get(order_digest=order.digest).state for order in Order.objects.all()
            }

    def sold(self) -> set[int]:
        """The orders that the store has committed, by its own records."""
        with pointed_at(self.processes.environment["COMMERCE_EVENTS_TEST_DATABASE"]):
            return set(map(int, Group.objects.values_list("name", flat=True)))

    def until(self, wanted: Mapping[str, str], seconds: float = 60) -> None:
        """Look at the lines until they are as they should be."""
        end = time.monotonic() + seconds
        while (found := self.states()) != wanted:
            assert time.monotonic() < end, found
            time.sleep(0.2)


@pytest.fixture
def store(
    request: pytest.FixtureRequest, shop: Shop, broker: Broker, prefix: str, tmp_path: Path
) -> Iterator[Store]:
    """A store beside the LMS of the test, on a database of its own, of the same kind."""
    lms: TestDatabase = request.getfixturevalue("database" if "database" in request.fixturenames else "postgresql")
    folder = tmp_path / "store"
    folder.mkdir()
    with _beside(lms, f"store_{prefix.replace('-', '_')}", folder) as url:
        processes = Processes(folder, {
            "DJANGO_SETTINGS_MODULE": "tests.store_settings",
            "COMMERCE_EVENTS_TEST_DATABASE": url,
            "COMMERCE_EVENTS_TEST_BOOTSTRAP": broker.bootstrap,
            "COMMERCE_EVENTS_TEST_REGISTRY": broker.registry_url,
            "COMMERCE_EVENTS_TEST_PREFIX": prefix,
        })  # fmt: skip
        try:
            yield Store(processes, shop)
        finally:
            processes.close()


@contextmanager
def _beside(lms: TestDatabase, name: str, folder: Path) -> Iterator[str]:
    """Another database on the same server; of SQLite, another file."""
    if lms.kind == "sqlite":
        yield f"sqlite://{folder}/store.sqlite3"
        return
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if lms.kind == "mariadb" else ""))
    try:
        yield with_name(lms.url, name)
    finally:
        with pointed_at(lms.url), connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}" + (" WITH (FORCE)" if lms.kind == "postgresql" else ""))


def all_are(state: str, count: int) -> dict[str, str]:
    return {f"shop:{number}": state for number in range(count)}


def test_what_is_paid_in_a_store_is_fulfilled_and_the_store_knows(
    postgresql: TestDatabase, store: Store, shop: Shop, processes: Processes
) -> None:
    orders = [store.order(number) for number in range(8)]
    assert store.sell(orders=orders) == 0
    store.processes.consume("--from", "earliest")  # relays the orders, and reads the results
    processes.consume("--from", "earliest")
    store.until(all_are("fulfilled", 8))
    assert store.sell(refunds=[store.refunded(number) for number in (1, 4)]) == 0
    store.until({**all_are("fulfilled", 8), "shop:1": "revoked", "shop:4": "revoked"})
    checkers.all_is_well(shop)


def test_a_result_that_was_lost_heals(
    postgresql: TestDatabase, store: Store, shop: Shop, processes: Processes
) -> None:
    """The store begins to read behind the results: they were never there for it. It asks, and is told again."""
    store.processes.environment["COMMERCE_EVENTS_TEST_ORDER_STATUS"] = json.dumps({"RESEND_MINUTES": [0.02, 0.05]})
    assert store.sell(orders=[store.order(number) for number in range(3)]) == 0
    relayed = store.processes.manage("consume_commerce_events", "--only", "relay", "--until-idle")
    assert relayed.returncode == 0, relayed.stderr
    processes.consume("--from", "earliest", settings={"RESEND_AFTER": 1, "RESEND_EVERY": 1})
    ends = time.monotonic() + 40
    while len(shop.results()) < 3:
        assert time.monotonic() < ends
    assert store.states() == all_are("published", 3)
    store.processes.consume("--from", "latest")
    store.until(all_are("fulfilled", 3))
    results = [heard.body["fulfillment"]["result_id"] for heard in shop.results()]
    assert len(results) > len(set(results)) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_dies_around_its_commit_has_said_what_it_has_kept(
    when: str, database: TestDatabase, store: Store, shop: Shop, processes: Processes
) -> None:
    sold = 2 if when == "before" else 3
    orders = [store.order(number) for number in range(sold)]
    never = {**orders[0], "order_id": "2"} if when == "before" else orders[2]
    assert store.sell(orders=[*orders[:2], never], dies=[when, "2"]) == -signal.SIGKILL
    store.processes.consume("--from", "earliest")
    processes.consume("--from", "earliest")
    store.until(all_are("fulfilled", sold))
    checkers.all_is_well(shop)


@pytest.mark.slow
def test_a_store_that_is_killed_again_and_again_loses_nothing(
    postgresql: TestDatabase, store: Store, shop: Shop, processes: Processes
) -> None:
    """Its storefront and its consumer die by SIGKILL at any moment. What it has committed is fulfilled, and no more."""
    chance = random.Random(7)
    left = {number: store.order(number) for number in range(40)}
    processes.consume("--from", "earliest")
    consumer = store.processes.consume("--from", "earliest", settings={"SESSION_TIMEOUT": 6})
    while left:
        running = store.start(orders=list(left.values()))
        assert running.stdout is not None
        for _ in range(chance.randint(1, 12)):
            running.stdout.readline()
        time.sleep(chance.random() / 50)
        running.kill()
        running.communicate()
        for number in store.sold():
            left.pop(number, None)
        if chance.random() < 0.4:
            consumer.kill()
            consumer.start()
    store.until(all_are("fulfilled", 40))
    checkers.seats_are_right(shop)
    assert {heard.key for heard in shop.results()} == set(shop.orders)


def test_a_store_that_consumes_nothing_publishes_all_the_same(
    postgresql: TestDatabase, store: Store, shop: Shop, processes: Processes, prefix: str
) -> None:
    """No handler, no group, no look at the results: the relay alone."""
    publishing = {"HANDLERS": [], "TOPICS": []}
    assert store.sell(orders=[store.order(0)]) == 0
    done = store.processes.manage(
        "consume_commerce_events", "--only", "relay", "--until-idle", "--skip-checks", settings=publishing
    )
    assert done.returncode == 0, done.stderr
    assert sum(shop.end(topics.full_topic(topics.ORDER_TOPIC, prefix), i) for i in range(3)) == 1
    processes.consume("--from", "earliest")
    ends = time.monotonic() + 40
    while shop.seats() != shop.expected:
        assert time.monotonic() < ends
        time.sleep(0.3)


class Listener(BaseHTTPRequestHandler):
    """A shop's own address, which hears what became of its orders."""

    heard: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_shop_that_only_sends_webhooks_is_told_what_became_of_its_order(
    postgresql: TestDatabase, shop: Shop, processes: Processes, broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """A webhook comes in, a learner is enrolled, a signed webhook goes out; the gateway is one process on SQLite."""
    Listener.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service = Service(tmp_path, f"sqlite://{tmp_path}/gateway.sqlite3", broker, prefix)
    config = tmp_path / "gateway.toml"
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    config.write_text(f"""{config.read_text()}
[COMMERCE_ORDER_STATUS.HOOKS.shop.crm]
HOOK = "consumers.order_status.hooks.signed_webhook.SignedWebhook"
URL = "http://127.0.0.1:{server.server_port}/hooks"
SECRETS = ["{secret}"]
""")
    try:
        shop._course("course-v1:edX+DemoX+2026")
        get_user_model().objects.create(username="buyer", email="learner@example.com", is_active=True)
        service.alone()
        processes.consume("--from", "earliest")
        assert service.deliver(tiny.order_of("77"), "d77")[0] == 200
        ends = time.monotonic() + 60
        while not Listener.heard:
            assert time.monotonic() < ends
            time.sleep(0.2)
    finally:
        service.close()
        server.shutdown()
        server.server_close()
    headers, body = Listener.heard[0]
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["data"]["order_id"], told["data"]["status"]) == ("order.changed", "77", "fulfilled")
