"""Ways in which many things can go wrong: a server that ends, a disk that is full, a connection that misbehaves."""
from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from commerce_events.bus.embedded.server import Server, family
from tests.engines.proxy import Proxy
from tests.faults.scene import Deed, Scene, SkippedError

Choice = Callable[[Scene, int], Proxy]


def killed(scene: Scene, servers: list[Any], seconds: float) -> None:
    """Servers end by SIGKILL, and are started again."""
    with scene.lock:
        alive = [server for server in servers if server.alive]
        for server in alive:
            scene.kills += 1
            server.kill()
    if not alive:
        raise SkippedError("it is down already")
    time.sleep(seconds)
    scene.launch(servers)


def full(scene: Scene, server: object, seconds: float) -> None:
    """No file of a server can grow. A limit of its processes has the same effect as a full disk, and needs no mount."""
    if not isinstance(server, Server) or shutil.which("prlimit") is None:
        raise SkippedError("it needs a server of this machine, and prlimit")
    _limit(server, "0")
    scene.cure(lambda: _limit(server, "unlimited"))
    time.sleep(seconds)
    _limit(server, "unlimited")
    if server.alive:  # it has seen what it cannot forget: whoever finds it like that starts it again
        scene.kills += 1
        server.kill()
    scene.launch([server])


def _limit(server: Server, size: str) -> None:
    """Only who owns a process may, so the command is run as its owner; one that has just ended is nobody's."""
    for pid in family(server.pid) if server.alive else ():
        with suppress(FileNotFoundError):
            owner = Path("/proc", str(pid)).stat()
            prefix = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
            command = [*(prefix if owner.st_uid != os.geteuid() else ()), "prlimit", f"--pid={pid}", f"--fsize={size}:"]
            subprocess.run(command, check=False, capture_output=True)


def for_a_while(proxy: Choice, how: str) -> Deed:
    """A proxy behaves badly for some seconds."""

    def deed(scene: Scene, which: int, seconds: float) -> None:
        chosen = proxy(scene, which)
        getattr(chosen, how)()
        time.sleep(seconds)
        chosen.heal()
        chosen.cut()  # what hung has been given up at the other end

    return deed


def slow(proxy: Choice, delay: float) -> Deed:
    """Every piece of data comes late."""

    def deed(scene: Scene, which: int, seconds: float) -> None:
        chosen = proxy(scene, which)
        chosen.delay(delay)
        time.sleep(seconds)
        chosen.delay(0)

    return deed


def resets(proxy: Choice) -> Deed:
    """Connections are reset as they come."""

    def deed(scene: Scene, which: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            proxy(scene, which).cut()
            time.sleep(0.3)

    return deed
