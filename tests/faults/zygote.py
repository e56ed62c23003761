"""Processes by fork: real ones, without the second that Python and Django take to begin.

The zygote has imported what everybody imports, and nothing more: no settings are read, no client is made, no thread
runs, no connection is open. For each environment it forks a nursery, which takes over the environment, sets Django up
and loads the command, as a new process would. A nursery forks a child for each command that it is told. The child has
its own session, working directory, output and exit code, and runs the command's own entry to the interpreter's end.

Nobody outlives who made it: each of them has the kernel end it with its parent, however that one ends.

``python -m tests.faults.zygote SOCKET PARENT`` is the zygote; ``nursery.py`` is who starts it and talks to it.
"""
from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import Any

#: What takes long to import and wants no settings; one that is not installed is nobody's.
COMMON = (
    "confluent_kafka.admin", "confluent_kafka.schema_registry.avro", "fastavro", "requests", "django.test",
    "django.core.management", "django.db.backends.postgresql.base", "django.db.backends.mysql.base",
    "edx_django_utils.monitoring", "openedx_events.event_bus",
)  # fmt: skip
#: prctl's word for the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


def main(address: str, parent: int) -> None:
    """Fork a nursery for each connection. In a nursery's child, this returns when its command is over."""
    _tied(parent)
    for name in COMMON:
        with contextlib.suppress(ImportError):
            import_module(name)
    from django.conf import settings

    assert not settings.configured, "settings are read in the nursery, where the environment is the run's"
    gc.freeze()  # what lives for ever is not written to, so that it is shared
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        nurseries: dict[int, int] = {}
        here = os.getpid()
        while True:
            for ready in wait([door, *nurseries]):
                if isinstance(ready, int):
                    _reap(nurseries, ready)
                    continue
                caller, _ = door.accept()
                pid = os.fork()
                if pid == 0:
                    _tied(here)
                    _leave(door, *nurseries)
                    _run(_nurse(Connection(caller.detach())))
                    return
                nurseries[os.pidfd_open(pid)] = pid
                caller.close()


def _nurse(caller: Connection) -> Sequence[str]:
    """Fork a child for each command. In the child: what it is to run. Ends when the caller does, and all with it."""
    environment, application = caller.recv()
    os.environ.update(environment)
    _PREPARED[application]()
    gc.freeze()
    children: dict[int, int] = {}
    here = os.getpid()
    while True:
        for ready in wait([caller, *children]):
            try:
                if isinstance(ready, int):
                    caller.send(_reap(children, ready))
                    continue
                command, log = caller.recv()
            except (EOFError, ConnectionError):  # it may go while we speak as well as while we listen
                sys.exit(0)
            pid = os.fork()
            if pid == 0:
                _tied(here)
                _leave(caller, *children)
                _alone(log)
                return list(command)
            children[os.pidfd_open(pid)] = pid
            with contextlib.suppress(ConnectionError):  # the next one to listen for is its end
                caller.send((pid, None))


def _tied(parent: int) -> None:
    """Have the kernel kill us when our parent ends; end now if it has ended already."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def _reap(children: dict[int, int], ended: int) -> tuple[int, int]:
    pid, status = os.waitpid(children.pop(ended), 0)
    os.close(ended)
    return pid, os.waitstatus_to_exitcode(status)


def _leave(parents: Any, *descriptors: int) -> None:
    """What is the parent's alone."""
    parents.close()
    for each in descriptors:
        os.close(each)


def _alone(log: str) -> None:
    os.setsid()
    os.chdir("/")
    output = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for name, flags, targets in ((os.devnull, os.O_RDONLY, (0,)), (log, output, (1, 2))):
        descriptor = os.open(name, flags, 0o644)
        for target in targets:
            os.dup2(descriptor, target)
        os.close(descriptor)


def _run(command: Sequence[str]) -> None:
    """As ``python …`` would: a script, or a module after -m."""
    if command[0] == "-m":
        sys.argv = [command[1], *command[2:]]
        sys.modules.pop(command[1], None)  # imported to be at hand, not to be run
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        runpy.run_path(command[0], run_name="__main__")


def _django() -> None:
    import django
    from django.core import checks
    from django.core.management import load_command_class

    django.setup()
    load_command_class("commerce_events", "consume_commerce_events")
    checks.run_checks()  # for what they import
    from django.db import connections

    assert all(each.connection is None for each in connections.all(initialized_only=True)), "nothing is open"
    assert threading.active_count() == 1, "no thread runs"


def _store() -> None:
    import_module("tests.faults.store")


_PREPARED = {"django": _django, "store": _store}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
