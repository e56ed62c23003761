"""A TCP proxy that misbehaves as told: for a registry, a broker or a database that is slow, silent or cut off.

A broker advertises its own address, so a Kafka client stays on the proxy only if that address is the proxy's; a
registry and a database have no such say.
"""
from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType

from commerce_events.bus.embedded.ports import LOOPBACK

CHUNK = 65536


class Proxy:
    """Passes bytes on, between a port of its own and a target.

    Arguments:
        target: ``host:port``.
        seed: of the jitter of delays; the same seed delays the same way.
        port: its own; 0 takes a free one.
    """

    def __init__(self, target: str, seed: int = 0, port: int = 0) -> None:
        host, _, number = target.rpartition(":")
        self._target = (host, int(number))
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket | None]] = set()
        self._delay = 0.0
        self._refusing = False
        self._shut = 0  # how many want it shut
        self._flowing = threading.Event()
        self._flowing.set()
        self._closed = False
        self._listener = socket.create_server((LOOPBACK, port))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"{LOOPBACK}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True)]
        self._threads[0].start()

    def reseed(self, seed: int) -> None:
        """Jitter from here on as a new proxy with that seed would have it."""
        with self._lock:
            self._random.seed(seed)

    # What can go wrong.

    def delay(self, seconds: float) -> None:
        """Hold each piece of data back for between half and all of that time."""
        self._delay = seconds

    def hang(self) -> None:
        """Accept connections, keep those that are there, and pass nothing on."""
        self._flowing.clear()

    def cut(self) -> None:
        """Reset every connection there is; new ones are welcome."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._reset(pair)

    def refuse(self) -> None:
        """Reset every connection, and each new one at once."""
        self._refusing = True
        self.cut()

    @contextlib.contextmanager
    def shut(self) -> Iterator[None]:
        """Refuse everybody as long as this lasts, whoever else heals it meanwhile."""
        with self._lock:
            self._shut += 1
        self.cut()
        try:
            yield
        finally:
            with self._lock:
                self._shut -= 1

    def heal(self) -> None:
        """Pass everything on again, what was held back included."""
        self._delay, self._refusing = 0.0, False
        self._flowing.set()

    def close(self) -> None:
        """End, with every connection."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._flowing.set()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # How it works: a thread that accepts, and two for each connection, one for each direction.

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            thread = threading.Thread(target=self._serve, args=(client,), name=f"proxy-{self.port}-pair", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        alone = (client, None)
        with self._lock:
            self._pairs.add(alone)
        try:
            if not self._shut:  # who is kept out hears so at once, also while others are left hanging
                self._flowing.wait()
            if self._refusing or self._shut or self._closed:
                return
            server = socket.create_connection(self._target, timeout=5)
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()
        except OSError:  # nobody there: the client sees its connection end
            return
        finally:
            with self._lock:
                self._pairs.discard(alone)
                self._pairs.discard((client, server))
            for end in (client, server):
                if end is not None:
                    _abort(end)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                self._flowing.wait()
                if self._delay:
                    with self._lock:
                        share = self._random.uniform(0.5, 1.0)
                    time.sleep(self._delay * share)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # one of the two is gone, so is the other
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _reset(pair: tuple[socket.socket, socket.socket | None]) -> None:
        for end in pair:
            if end is not None:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.shutdown(socket.SHUT_RDWR)


def _abort(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.close()
