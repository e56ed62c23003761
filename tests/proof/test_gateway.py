"""The gateway as processes: what was acknowledged is published, however it dies; and what never came is swept."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from commerce_events.bus.reader import Heard
from commerce_events.exceptions import OperatorError
from commerce_events.models import OutboxBatch
from commerce_events.stores.models import StoreOrder
from tests.engines.broker import Broker
from tests.engines.proxy import Proxy
from tests.engines.schema import TestDatabase
from tests.proof.service import Service
from tests.proof.steady import eventually
from tests.unit.stores.tiny import order_of


@pytest.fixture
def service(request: pytest.FixtureRequest, broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Service]:
    """On this test's database, broker and topics."""
    name = next(name for name in ("database", "postgresql", "mariadb", "sqlite") if name in request.fixturenames)
    database: TestDatabase = request.getfixturevalue(name)
    started = Service(tmp_path, database.url, broker, prefix)
    yield started
    started.close()


def ids(heard: list[Heard]) -> dict[str, set[str]]:
    """The ids of messages by order: a message that was sent again has the id that it had."""
    found: dict[str, set[str]] = defaultdict(set)
    for message in heard:
        assert message.problem == ""
        found[message.key].add(message.message_id)
    return found


class Sender:
    """A store that sends its orders from several threads until it is told to stop."""

    def __init__(self, service: Service, threads: int = 4) -> None:
        self.service, self.acknowledged, self.refused = service, set[str](), list[str]()
        self._over, self._next, self._lock = threading.Event(), 0, threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Sender:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._over.is_set():
            with self._lock:
                self._next, order_id = self._next + 1, str(self._next)
            try:
                status, _ = self.service.deliver(order_of(order_id), f"d{order_id}")
            except (OSError, http.client.HTTPException):
                status = 0
            with self._lock:
                if status == 200:
                    self.acknowledged.add(f"shop:{order_id}")
                else:
                    self.refused.append(order_id)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_was_acknowledged_is_published_though_the_service_was_killed(
    kind: str, request: pytest.FixtureRequest, broker: Broker, prefix: str, tmp_path: Path
) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    service = Service(tmp_path, database.url, broker, prefix)
    try:
        server = service.gunicorn()
        with Sender(service) as sender:
            eventually(lambda: len(sender.acknowledged) > 60, "some were taken")
            server.kill()  # kill -9, the workers too
        assert sender.refused
        committed = {str(order) for order in StoreOrder.objects.all()}
        assert sender.acknowledged <= committed
        assert service.published() == []
        service.manage("consume_commerce_events", "--only", "relay", "--until-idle")
        published = ids(service.published())
        assert set(published) == committed
        assert {len(found) for found in published.values()} == {1}
        # the store sends what it saw fail once more; some of it had been committed
        service.gunicorn()
        again = [service.deliver(order_of(order_id), f"d{order_id}") for order_id in sender.refused[-20:]]
        assert {status for status, _ in again} == {200}
    finally:
        service.close()


def test_a_relay_that_dies_repeats_under_the_same_ids(sqlite: Any, service: Service) -> None:
    service.gunicorn()
    for number in range(5):
        assert service.deliver(order_of(str(number))) == (200, "done")
    waiting = list(OutboxBatch.objects.values_list("pk", "messages", "created_at"))
    service.manage("consume_commerce_events", "--only", "relay", "--until-idle")
    OutboxBatch.objects.bulk_create(  # it died after it had published and before it could say so
        OutboxBatch(pk=pk, messages=messages, created_at=at) for pk, messages, at in waiting
    )
    service.manage("consume_commerce_events", "--only", "relay", "--until-idle")
    heard = service.published()
    assert len(heard) == 10
    assert {len(found) for found in ids(heard).values()} == {1}


def test_everything_in_one_process_publishes_and_ends_when_it_is_told(sqlite: Any, service: Service) -> None:
    running = service.alone()
    assert service.deliver(order_of("77")) == (200, "done")
    eventually(lambda: len(service.published()) == 1, "it was published")
    running.kill()
    running = service.alone()
    assert service.deliver(order_of("77")) == (200, "done")
    assert service.deliver(order_of("78")) == (200, "done")
    eventually(lambda: len(service.published()) == 2, "the other one was published")
    assert running._child is not None
    running._child.send_signal(signal.SIGTERM)
    assert running._child.wait(30) == 0


def test_the_log_of_the_service_names_nobody(sqlite: Any, service: Service, tmp_path: Path) -> None:
    service.gunicorn()
    raw = b'{"boom": "learner@example.com"}'
    assert service.ask("POST", "/webhooks/shop", raw, {"x-signature": "learner@example.com"})[0] == 401
    assert service.deliver(order_of("x" * 129)) == (200, "set_aside")
    assert service.ask("POST", "/webhooks/learner@example.com", raw)[0] == 404
    said = "".join(path.read_text() for path in tmp_path.glob("service-*.log"))
    assert "store shop: refused" in said
    assert "learner@example.com" not in said


def test_a_service_whose_settings_cannot_be_used_does_not_start(sqlite: Any, service: Service) -> None:
    service.environment["SHOP_SECRET"] = ""
    with pytest.raises(OperatorError, match="ended while it started"):
        service.gunicorn()
    assert "SHOP_SECRET" in (service.folder / "service-0.log").read_text()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_hangs_is_told_to_the_store_in_time_and_it_goes_on_afterwards(
    kind: str, request: pytest.FixtureRequest, broker: Broker, prefix: str, tmp_path: Path, proxy: Any
) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    url = urlsplit(database.url)
    between: Proxy = proxy(f"{url.hostname}:{url.port}")
    user = f"{url.username}:{url.password}" if url.password else url.username
    service = Service(tmp_path, url._replace(netloc=f"{user}@{between.address}").geturl(), broker, prefix)
    service.environment["WEB_CONCURRENCY"] = "1"
    answers: list[tuple[int, float]] = []

    def send(number: int) -> None:
        began = time.monotonic()
        try:
            status = service.deliver(order_of(str(number)), f"d{number}")[0]
        except OSError:
            status = 0
        answers.append((status, time.monotonic() - began))

    try:
        service.gunicorn()
        between.hang()
        threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        waited = [seconds for status, seconds in answers if status == 503]
        # who has a place waits for the database; everybody else is told within a second
        assert len([seconds for seconds in waited if seconds < 1.5]) >= 15, answers
        between.heal()
        eventually(lambda: service.deliver(order_of("99"))[0] == 200, "it goes on")
        assert {service.deliver(order_of(str(number)), f"d{number}")[0] for number in range(20)} == {200}
    finally:
        between.heal()
        service.close()
