"""The embedded engine's process: ``python -m commerce_events.bus.embedded.host``.

It holds a cluster and a registry, prints their addresses as one line of JSON, then obeys one line of JSON after
another on its standard input, ``{"call": "down", "with": [1]}``, answering ``{"answer": …}`` or ``{"error": …}``. It
ends when its standard input does, so it never outlives the process that started it.

A process of its own, because a broker that can be killed, and that the one who tests against it does not share a lock
with, is a better broker.
"""
from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from commerce_events.bus.embedded.cluster import Cluster
from commerce_events.bus.embedded.registry import RegistryServer

#: Methods of the cluster that may be called from outside.
CALLS = (
    "create_topic", "delete_topic", "delete_records", "incarnations", "down", "up", "round_trip", "leader", "fail",
    "recover",
)  # fmt: skip


def main() -> None:
    """Hold both up until standard input ends."""
    options = argparse.ArgumentParser(description="Hold up an embedded broker and a schema registry.")
    options.add_argument("--brokers", type=int, default=1)
    options.add_argument("--registry-port", type=int, default=0)
    options.add_argument("--registry-state", type=Path)
    chosen = options.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us, and who ends us
    cluster = Cluster(chosen.brokers)
    registry = RegistryServer(chosen.registry_port, chosen.registry_state, cluster.incarnations)
    _say({"bootstrap": cluster.bootstrap, "registry_url": registry.url})
    for line in sys.stdin:
        _say(_obey(cluster, json.loads(line)))
    registry.close()
    cluster.close()


def _obey(cluster: Cluster, order: dict[str, Any]) -> dict[str, Any]:
    if order["call"] not in CALLS:
        return {"error": f"no call {order['call']}; there are: {', '.join(CALLS)}"}
    try:
        return {"answer": getattr(cluster, order["call"])(*order["with"])}
    except (TypeError, ValueError) as error:
        return {"error": str(error)}


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
