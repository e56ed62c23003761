"""Loopback ports for servers that are started here."""
from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

from commerce_events.exceptions import OperatorError

LOOPBACK = "127.0.0.1"
_SYSTEM = random.SystemRandom()
_CLAIMED: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody has now, all different.

    They are ours until this process ends: a server takes seconds to listen, and may be down for a while, and who drew
    its port meanwhile would keep it from starting. Below those that the system gives to outgoing connections, which
    ask nobody.

    Raises:
        OperatorError: they cannot be claimed.
    """
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            port = _SYSTEM.randrange(16384, 32768)
            if not _claim(port):
                continue
            one = socket.socket()
            sockets.append(one)
            try:
                one.bind((LOOPBACK, port))
            except OSError:  # somebody who claims nothing has it
                sockets.pop().close()
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _claim(port: int) -> bool:
    """Whether a port was nobody's and is ours now.

    Any process of this user that draws with this function, and keeps temporary files where we do, sees it.
    """
    if port in _CLAIMED:
        return False
    claims = _claims()
    try:
        fcntl.lockf(claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):  # another process has it; systems differ in which of the two they say
        return False
    _CLAIMED.add(port)
    return True


@cache
def _claims() -> int:
    """A file in which a locked byte stands for a claimed port; the locks end with their process."""
    path = Path(tempfile.gettempdir(), f"commerce-events-ports-{os.getuid()}")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorError(
            f"{path}, in which ports are claimed, cannot be opened: {error.strerror}",
            hint="Remove it, or set TMPDIR to a folder of your own.",
        ) from error


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
