"""What befalls the registry: away, silent, slow, or another one answers in its place."""
from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from commerce_events.bus.embedded.ports import LOOPBACK
from tests.engines.proxy import Proxy
from tests.faults.scene import Deed, Scene
from tests.faults.ways import for_a_while, resets, slow

__all__ = ["FAULTS"]

Answer = tuple[int, bytes]


def _registry(scene: Scene, _: int) -> Proxy:
    return scene.before_registry


def _impostor(answer: Callable[[str], Answer | None], misleads: bool = False, ends_with: int = 0) -> Deed:
    """Something else listens at the registry's address; consumers begin anew, so that they must ask."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path) or _passed_on(self.server.behind, self.path, asked)  # type: ignore[attr-defined]
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
            server.behind = scene.engines.registry.port  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, name="impostor", daemon=True).start()
            proxy, right = scene.before_registry, (LOOPBACK, scene.engines.registry.port)
            proxy._target = (LOOPBACK, int(server.server_address[1]))
            scene.misled |= misleads
            scene.excused.add((ends_with, ""))
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


def _passed_on(port: int, path: str, body: bytes) -> Answer:
    """What the registry itself says."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("POST" if body else "GET", path, body or None, {"Content-Type": "application/json"})
        said = connection.getresponse()
        return said.status, said.read()
    except OSError:
        return 503, b""
    finally:
        connection.close()


def _knows_another(path: str) -> Answer | None:
    """Ids mean something else, as in the registry of another site; where subjects are asked for it is the right one."""
    if "/schemas/ids/" not in path:
        return None
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
    "registry of another": _impostor(_knows_another, misleads=True),
}
