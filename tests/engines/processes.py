"""Real processes of a test: ``manage.py`` with the test's database, broker and topics, to be killed and paused."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from commerce_events.bus.embedded.server import Server

MANAGE = [sys.executable, str(Path(__file__).resolve().parents[1] / "manage.py")]


class Processes:
    """Starts processes, and ends those that the test did not.

    Arguments:
        folder: for their logs and health files.
        environment: tells them the database, the broker and the topics.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, dict(environment)
        self._servers: list[Server] = []

    def consume(self, *flags: str, settings: Mapping[str, Any] | None = None) -> Server:
        """``consume_commerce_events`` in the background, ready when its health file is there.

        ``kill()`` is kill -9, ``stop()`` SIGTERM, ``pause()`` and ``resume()`` SIGSTOP and SIGCONT; ``log`` its output.
        """
        number = len(self._servers) + 1
        health = self.folder / f"health-{number}"

        def ready() -> bool:
            return health.exists()

        consumer = Server(
            f"consumer {number}",
            [*MANAGE, "consume_commerce_events", f"--health-file={health}", *flags],
            ready=ready,
            log=self.folder / f"consumer-{number}.log",
            environment=self._environment(settings),
        )
        self._servers.append(consumer)
        consumer.start()
        return consumer

    def manage(
        self, *arguments: str, settings: Mapping[str, Any] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """A command, run to its end; the caller looks at ``returncode``, ``stdout`` and ``stderr``."""
        return subprocess.run(
            [*MANAGE, *arguments], env={**os.environ, **self._environment(settings)}, capture_output=True, text=True,
            check=False, timeout=timeout,
        )  # fmt: skip

    def _environment(self, settings: Mapping[str, Any] | None) -> dict[str, str]:
        """``settings`` are entries of COMMERCE_EVENTS."""
        more = {"COMMERCE_EVENTS_TEST_SETTINGS": json.dumps(settings)} if settings else {}
        return {"DJANGO_SETTINGS_MODULE": "tests.settings", **self.environment, **more}

    def close(self) -> None:
        """End what still runs."""
        for server in self._servers:
            server.kill()
