"""The service, the relay and the work beside, as threads of one process: to try it, and for a small site on SQLite.

For more, ``docs/how-tos/receive-webhooks.rst``: several workers of a production server, and each of the others alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from wsgiref.types import WSGIApplication

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections

from commerce_events.bus import handlers
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.failures import summary
from commerce_events.bus.health import Health
from commerce_events.bus.worker import STAGES, Options, Worker
from commerce_events.exceptions import OperatorError
from commerce_events.stores.conf import stores
from commerce_events.stores.rounds import STAGE, Rounds

log = logging.getLogger(__name__)


class Service:
    """Runs until it is stopped, or a part of it fails for good.

    Arguments:
        application: the WSGI application.

    Raises:
        OperatorError: the address cannot be taken.
    """

    def __init__(self, host: str, port: int, application: WSGIApplication) -> None:
        try:
            self._server = ThreadedWSGIServer((host, port), _Quiet)
        except OSError as error:
            raise OperatorError(
                f"{host}:{port} cannot be taken: {error.strerror}", hint="Give another --port, or 0 for a free one."
            ) from error
        self._server.set_app(application)
        settings = bus_settings()
        known = handlers.load(settings.handlers)  # none, but for a gateway that reads the results of its orders
        stages = frozenset(STAGES if known else {"relay"})
        self._worker = Worker(settings, known, Options(stages, start="earliest"))
        self._over = threading.Event()
        self._failure: BaseException | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def stop(self) -> None:
        """Finish what is in hand and end. Safe in a signal handler."""
        self._over.set()
        self._worker.stop()

    def run(self) -> None:
        """Serve, publish and work, to the end.

        Raises:
            OperatorError: somebody must act.
        """
        rounds = Rounds(stores())
        threads = [
            self._thread("relay", self._worker.run),
            self._thread(STAGE, lambda: rounds.run(self._over.wait, Health("", [STAGE]))),
            self._thread("server", self._server.serve_forever),
        ]
        self._over.wait()
        self._server.shutdown()
        self._worker.stop()
        _joined(threads)
        self._server.server_close()
        if self._failure is not None:
            raise self._failure

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(name, work), name=name, daemon=True)
        thread.start()
        return thread

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 recorded: it ends the process
            self._failure = self._failure or error
            log.error("%s stopped: %s", name, error if isinstance(error, OperatorError) else summary(error))
        finally:
            connections.close_all()
            self.stop()


class _Quiet(WSGIRequestHandler):
    """No line for each request: what matters is told by the service itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the standard library
        """Say nothing."""


def _joined(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
