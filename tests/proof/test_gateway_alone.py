"""The gateway with a broker of its own, as somebody tries it: stopped and started again in the same folder."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from commerce_events import topics
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.bus.embedded.server import Server

CONFIG = """
[COMMERCE_EVENTS]
INSTALLATION = "tried"
[COMMERCE_ORDER_STATUS]
"""
MAIN = "from commerce_events.cli import main; main()"
POSITIONS = 'SELECT topic, "offset", halted FROM commerce_events_position'


@pytest.mark.slow
def test_a_gateway_that_is_tried_again_reads_its_new_broker(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG)
    environment = {
        **os.environ, "COMMERCE_GATEWAY_CONFIG": str(tmp_path / "gateway.toml"), "EVENT_BUS_TOPIC_PREFIX": "tried",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "commerce_events.gateway.settings",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }  # fmt: skip
    results = topics.full_topic(topics.FULFILLMENT_TOPIC, "tried")
    log = tmp_path / "log"
    for messages in (2, 1):
        log.unlink(missing_ok=True)
        (port,) = free_ports(1)
        server = Server(
            "gateway", [sys.executable, "-c", MAIN, "gateway", "--embedded", "--port", str(port)],
            ready=lambda: "Ctrl-C stops it" in log.read_text(), log=log, environment=environment,
            stop_signal=signal.SIGTERM,
        )  # fmt: skip
        server.start()
        try:
            (bootstrap,) = re.findall(r"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=(\S+)", log.read_text())
            producer = Producer({"bootstrap.servers": bootstrap})
            for number in [*range(3)] * messages:
                producer.produce(results, b"nothing that anybody can read", key=b"k", partition=number)
            assert producer.flush(10) == 0
            wanted = [(results, messages, "")] * 3
            until = time.monotonic() + 20
            while (found := _read(tmp_path)) != wanted and time.monotonic() < until:
                time.sleep(0.1)
            assert found == wanted, log.read_text()
        finally:
            server.stop()


def _read(folder: Path) -> list[tuple[str, int, str]]:
    """Where the gateway stands in the partitions that hold something."""
    with sqlite3.connect(folder / "gateway.sqlite3") as database:
        return sorted(row for row in database.execute(POSITIONS) if row[1] or row[2])
