"""Ways in which many things can go wrong: a server that ends, a disk that is full, a connection that misbehaves."""
from __future__ import annotations

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from commerce_events.bus.embedded.server import Server, family
from tests.engines.proxy import Proxy
from tests.faults.scene import Deed, Scene

Choice = Callable[[Scene, int], Proxy]


def killed(scene: Scene, servers: list[Any], seconds: float) -> None:
    """Servers end by SIGKILL, and are started again."""
    with scene.lock:
        for server in servers:
            if server.alive:
                scene.kills += 1
                server.kill()
    time.sleep(seconds)
    scene.launch(servers)


def full(scene: Scene, server: object, seconds: float) -> None:
    """No file of a server can grow. A limit of its processes has the same effect as a full disk, and needs no mount."""
    if not isinstance(server, Server) or not hasattr(resource, "prlimit"):
        scene.crew.note("disk full: skipped, the server is no process of this machine")
        return
    _limit(server, 0)
    scene.cure(lambda: _limit(server, resource.RLIM_INFINITY))
    time.sleep(seconds)
    _limit(server, resource.RLIM_INFINITY)
    time.sleep(0.5)  # what is about to end of it has ended
    scene.launch([server])


def _limit(server: Server, size: int) -> None:
    for pid in family(server.pid) if server.alive else ():
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


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
