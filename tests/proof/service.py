"""The gateway as real processes: a production server with several workers, or everything in one."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from commerce_events import topics
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.bus.embedded.server import Server
from commerce_events.bus.reader import Heard, Reader
from commerce_events.registry import Registry
from tests.engines.broker import Broker
from tests.unit.stores import tiny

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the-secret-of-the-shop"
CONFIG = f"""
[COMMERCE_EVENTS]
INSTALLATION = "test-gateway"
REGISTER_SCHEMAS = true

[COMMERCE_EVENTS.STORES.shop]
KIND = "{tiny.KIND}"
SECRETS = ["env:SHOP_SECRET"]
"""


class Service:
    """One gateway on a database and a broker.

    Arguments:
        folder: for its settings and logs.
    """

    def __init__(self, folder: Path, database: str, broker: Broker, prefix: str) -> None:
        self.folder, self.broker, self.prefix = folder, broker, prefix
        (self.port,) = free_ports(1)
        config = folder / "gateway.toml"
        config.write_text(CONFIG)
        self.environment = {
            "COMMERCE_GATEWAY_CONFIG": str(config), "DATABASE_URL": _absolute(database), "SHOP_SECRET": SECRET,
            "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": broker.registry_url, "EVENT_BUS_TOPIC_PREFIX": prefix,
            "DJANGO_SETTINGS_MODULE": "commerce_events.gateway.settings", "PYTHONPATH": str(ROOT),
            "WEB_CONCURRENCY": "3",
        }  # fmt: skip
        self._servers: list[Server] = []

    def gunicorn(self) -> Server:
        """Three workers of a production server, ready."""
        return self._started(
            "-m", "gunicorn", "-c", "python:commerce_events.gateway.gunicorn", "-b", f"127.0.0.1:{self.port}",
            "commerce_events.gateway.wsgi",
        )  # fmt: skip

    def alone(self) -> Server:
        """Everything in one process, ready."""
        return self._started("-m", "commerce_events.gateway", "--port", str(self.port))

    def _started(self, *arguments: str) -> Server:
        log = self.folder / f"service-{len(self._servers)}.log"
        server = Server(
            "gateway", [sys.executable, *arguments], ready=self.is_ready, log=log, environment=self.environment
        )
        self._servers.append(server)
        server.start()
        return server

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the service, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "commerce_events.gateway", *arguments], env={**os.environ, **self.environment},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    def is_ready(self) -> bool:
        """It answers, and its database does."""
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def deliver(self, order: Mapping[str, Any], delivery: str | None = None) -> tuple[int, str]:
        """A webhook; its status and its outcome."""
        raw = json.dumps({"orders": [order]}).encode()
        return self.ask("POST", "/webhooks/shop", raw, tiny.signed(SECRET, raw, delivery))

    def ask(
        self, method: str, path: str, raw: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """A request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, raw, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["outcome"]
        finally:
            connection.close()

    def published(self) -> list[Heard]:
        """Every order event that is on the topic now."""
        reader = Reader(
            {"bootstrap.servers": self.broker.bootstrap}, Registry(self.broker.registry_url),
            [topics.full_topic(topics.ORDER_TOPIC, self.prefix)], "earliest",
        )  # fmt: skip
        try:
            ends = sum(reader.client.get_watermark_offsets(p, timeout=10)[1] for p in reader.client.assignment())
            heard: list[Heard] = []
            until = time.monotonic() + 20
            while len(heard) < ends and time.monotonic() < until:
                heard += reader.read(0.5)
            return heard
        finally:
            reader.close()

    def close(self) -> None:
        """End what still runs."""
        for server in self._servers:
            server.kill()


def _absolute(url: str) -> str:
    """The service reads ``sqlite:///`` as others do: what follows is relative, and absolute after a fourth slash."""
    path = url.removeprefix("sqlite://")
    return url if path == url else f"sqlite:////{path.lstrip('/')}"
