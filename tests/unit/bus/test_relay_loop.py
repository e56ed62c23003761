"""A relay that runs alone is let in by the broker, or ends and says what to do."""
from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commerce_events.bus import kafka
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.bus.worker import Options, Worker
from commerce_events.exceptions import OperatorError
from tests.engines.schema import TestDatabase


class NoTls(socketserver.BaseRequestHandler):
    """Answers whoever says hello as a server does that speaks no TLS."""

    def handle(self) -> None:
        self.request.recv(1024)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def without_tls() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NoTls) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT", 1.0)


def relay(settings: Any, address: str) -> Worker:
    """One that publishes for a site without handlers, which has nothing to compare with the broker."""
    settings.COMMERCE_EVENTS = {"INSTALLATION": "shop", "KAFKA": {"security.protocol": "ssl"}}
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = address
    return Worker(bus_settings(), {}, Options(stages=frozenset({"relay"})))


def test_a_relay_whom_the_broker_refuses_ends_with_a_hint(sqlite: TestDatabase, settings: Any) -> None:
    with without_tls() as address, pytest.raises(OperatorError, match="the broker refuses") as raised:
        relay(settings, address).run()
    assert "speaks TLS" in raised.value.hint


def test_a_relay_whose_broker_is_away_waits(sqlite: TestDatabase, settings: Any, tmp_path: Any) -> None:
    worker = relay(settings, f"127.0.0.1:{free_ports(1)[0]}")
    threading.Timer(3, worker.stop).start()
    worker.run()
    assert worker.state.failure is None
