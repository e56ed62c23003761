"""What befalls the registry: away, silent, slow, or another one answers in its place."""
from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from commerce_events.bus.embedded.server import LOOPBACK
from tests.engines.proxy import Proxy
from tests.faults.scene import Deed, Scene
from tests.faults.ways import for_a_while, resets, slow

__all__ = ["FAULTS"]

Answer = tuple[int, bytes]


def _registry(scene: Scene, _: int) -> Proxy:
    return scene.before_registry


def _impostor(answer: Callable[[str], Answer], misleads: bool = False, ends_with: int = 0) -> Deed:
    """Something else listens at the registry's address; consumers begin anew, so that they must ask."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 the names are the library's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the library's
            return

    def deed(scene: Scene, which: int, seconds: float) -> None:
        with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
            threading.Thread(target=server.serve_forever, name="impostor", daemon=True).start()
            proxy, right = scene.before_registry, (LOOPBACK, scene.engines.registry.port)
            proxy._target = (LOOPBACK, int(server.server_address[1]))
            scene.misled |= misleads
            scene.excused.add(ends_with)
            try:
                proxy.cut()
                scene.consumer(which).kill()
                time.sleep(2 + seconds)
            finally:
                proxy._target = right
                server.shutdown()

    return deed


def _fails(_: str) -> Answer:
    return 500, b'{"error_code": 50001, "message": "no idea"}'


def _babbles(_: str) -> Answer:
    return 200, b"<html>Sign in to this network</html>"


def _refuses(_: str) -> Answer:
    return 403, b'{"error_code": 40301, "message": "not for you"}'


def _knows_another(path: str) -> Answer:
    """The registry of another site: its ids mean something else, and it takes no schema of ours."""
    if "/subjects/" in path:
        return _refuses(path)
    schema = {"type": "record", "name": "Penguin", "fields": [{"name": "weight", "type": "double"}]}
    return 200, json.dumps({"schema": json.dumps(schema)}).encode()


FAULTS: dict[str, Deed] = {
    "registry refuses": for_a_while(_registry, "refuse"),
    "registry half-open": for_a_while(_registry, "hang"),
    "registry slow": slow(_registry, 0.5),
    "registry reset": resets(_registry),
    "registry fails": _impostor(_fails),
    "registry babbles": _impostor(_babbles),
    "registry forbids": _impostor(_refuses, ends_with=3),
    "registry of another": _impostor(_knows_another, misleads=True, ends_with=3),
}
