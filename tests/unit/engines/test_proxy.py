from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.engines.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data)


class Echoes(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Echoes(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with Proxy(f"127.0.0.1:{server.server_address[1]}", seed=7) as proxy:
            yield proxy
        server.shutdown()
        thread.join()


def client(proxy: Proxy, timeout: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout)


def echo(connection: socket.socket, said: bytes = b"hello") -> bytes:
    connection.sendall(said)
    return connection.recv(1024)


def answers(connection: socket.socket) -> bool:
    try:
        return bool(echo(connection))
    except OSError:
        return False


def is_ended(connection: socket.socket) -> bool:
    """Whether it is over; raises if nothing comes, neither an answer nor an end."""
    try:
        return echo(connection) == b""
    except ConnectionError:
        return True


def test_it_passes_on_what_it_gets(proxy: Proxy) -> None:
    with client(proxy) as connection:
        assert echo(connection) == b"hello"


def test_it_delays(proxy: Proxy) -> None:
    proxy.delay(0.2)
    with client(proxy) as connection:
        began = time.monotonic()
        assert echo(connection) == b"hello"
    assert time.monotonic() - began >= 0.2  # there and back, at least half of it each


def test_it_stays_shut_whoever_heals_it(proxy: Proxy) -> None:
    with client(proxy) as connection, proxy.shut(), proxy.shut():
        proxy.heal()
        assert not answers(connection)
        with client(proxy) as another:
            assert not answers(another)
    with client(proxy) as connection:
        assert echo(connection) == b"hello"


def test_who_comes_while_it_is_shut_hears_so_at_once_though_it_hangs_too(proxy: Proxy) -> None:
    proxy.hang()
    with proxy.shut(), client(proxy) as connection:
        assert is_ended(connection)


def test_it_accepts_and_never_answers_until_healed(proxy: Proxy) -> None:
    with client(proxy, timeout=0.3) as connection:
        assert echo(connection) == b"hello"
        proxy.hang()
        with pytest.raises(TimeoutError):
            echo(connection, b"held back")
        with client(proxy, timeout=0.3) as another, pytest.raises(TimeoutError):
            echo(another)

        proxy.heal()
        connection.settimeout(5)
        assert connection.recv(1024) == b"held back"


def test_it_cuts_what_is_there_and_takes_new_connections(proxy: Proxy) -> None:
    with client(proxy) as connection:
        assert echo(connection) == b"hello"
        proxy.cut()
        assert gone(connection)
    with client(proxy) as connection:
        assert echo(connection) == b"hello"


def test_it_refuses_until_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with client(proxy) as connection:
        assert gone(connection)
    proxy.heal()
    with client(proxy) as connection:
        assert echo(connection) == b"hello"


def gone(connection: socket.socket) -> bool:
    try:
        return echo(connection) == b""
    except ConnectionError:
        return True
