"""A store's REST API as a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any, dict[str, str]]


class Answers(Protocol):
    """A store. One that takes bodies has ``post`` as well: of the path, the body's JSON and the headers."""

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer: ...


@contextmanager
def served(store: Answers) -> Iterator[str]:
    """The store's address while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {
                name: ",".join(values) if name.endswith("[]") else values[-1]
                for name, values in parse_qs(parts.query).items()
            }
            self._answer(*store.get(parts.path, query, self._headers()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*store.post(self.path, body, self._headers()))  # type: ignore[attr-defined]

        def _headers(self) -> dict[str, str]:
            return {name.lower(): value for name, value in self.headers.items()}

        def _answer(self, status: int, body: Any, more: dict[str, str]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **more}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
