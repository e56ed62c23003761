"""One round: the bare view and the gateway's, one after the other under one server; then twice the load."""
from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import process
from benchmarks.site import Site
from benchmarks.webhooks import load
from benchmarks.webhooks.shop import ORDERS

WORKERS = 4
#: Deliveries that are under way at once while the rate is measured: what a few stores and a proxy have.
CONNECTIONS = 16
#: The same under twice the load, more than the places of all workers.
CROWD = 160
WARM = 200


def measure(site: Site, database: str, prefix: str, steady: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Rates and latencies of both views, ``steady`` requests each; and for ``seconds`` what twice our rate comes to."""
    environment = {
        **os.environ, **site.environment(database, prefix), "DATABASE_URL": site.databases[database],
        "DJANGO_SETTINGS_MODULE": "benchmarks.webhooks.settings", "WEB_CONCURRENCY": str(WORKERS),
        "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": site.broker.bootstrap,
        "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": site.broker.registry_url,
    }  # fmt: skip
    # what other loops left is of another installation, and the gateway would rightly refuse to work on it
    process.run("empty", 0, site.environment(database, prefix))
    begin = first = int(time.time()) * 1000  # no order of an earlier round
    with _server(environment) as port:
        def asked(path: str, count: int, connections: int, rate: float | None = None) -> dict[str, Any]:
            nonlocal first
            numbers, first = range(first, first + count), first + count
            return asyncio.run(load.run(port, path, numbers, connections, rate))

        asked("/bare", WARM, CONNECTIONS)
        bare = asked("/bare", steady, CONNECTIONS)
        begin = first
        warm = asked("/webhooks/shop", WARM, CONNECTIONS)
        ours = asked("/webhooks/shop", steady, CONNECTIONS)
        ours["refused"] += warm["refused"]
        pace = ours["events"] / ours["seconds"]
        crowd = asked("/webhooks/shop", int(2 * pace * seconds), CROWD, 2 * pace)
    swept = _swept({**environment, ORDERS: f"{begin}-{first}"})
    return {"bare": bare, "webhooks": ours, "crowd": {**crowd, "offered": round(2 * pace, 1), "swept": swept}}


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "-c", "python:commerce_events.gateway.gunicorn", "-b", f"127.0.0.1:{port}",
        "--log-level", "error", "commerce_events.gateway.wsgi",
    ]  # fmt: skip
    _manage(environment, "migrate", "--run-syncdb", "--verbosity", "0")
    with subprocess.Popen(command, env=environment) as server:
        try:
            until = time.monotonic() + 30
            while not _answers(port):
                if time.monotonic() > until or server.poll() is not None:
                    raise RuntimeError("the server did not start")
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _swept(environment: dict[str, str]) -> int:
    """How many events a sweep finds that no delivery brought: what was refused."""
    out = _manage(environment, "commerce_stores", "sweep", "shop", "--yes", "--format", "csv")
    return int(out.splitlines()[1].split(",")[3])


def _manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", *arguments], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout
