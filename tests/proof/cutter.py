"""A proxy before a database that cuts the connection in the middle of a COMMIT.

Before the server has it – nothing was committed – or after – everything was, and the client never hears of it. The
client sees the same in both cases: its connection is gone.
"""
from __future__ import annotations

import contextlib
import random
import socket

from tests.engines.proxy import CHUNK, Proxy


class CommitCutter(Proxy):
    """Cuts some of the commits that pass, as a seed has it.

    Arguments:
        share: of the commits that are cut.
    """

    def __init__(self, target: str, seed: int, share: float = 0.3) -> None:
        self._dice, self._share = random.Random(seed), share
        self.active = False
        self.before = self.after = 0
        super().__init__(target, seed)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        if source.getsockname()[1] != self.port:  # from the server: as it is
            super()._pump(source, sink)
            return
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if self.active and b"COMMIT" in data and self._dice.random() < self._share:
                    self._cut(source, sink, data)
                    return
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _cut(self, source: socket.socket, sink: socket.socket, data: bytes) -> None:
        arrives = self._dice.random() < 0.5
        source.shutdown(socket.SHUT_RDWR)  # the client first: it must not hear the answer
        if arrives:
            self.after += 1
            sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        else:
            self.before += 1
            sink.shutdown(socket.SHUT_RDWR)
