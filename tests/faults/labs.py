"""Laboratories side by side: each a process with engines of its own. Whoever is free gets the next seed."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import django

from commerce_events.bus.embedded.server import family
from commerce_events.exceptions import OperatorError

if TYPE_CHECKING:
    from tests.faults.run import Outcome

ROOT = Path(__file__).resolve().parents[2]
#: In every tenth run each process begins from nothing.
FRESH = 10
#: What a laboratory says of itself; all else is an outcome.
UP, MISSING = "up", "missing"
#: The name under which a run counts that did not come to its end.
BROKEN = "the run did not come to its end"


@dataclass(frozen=True)
class Wanted:
    """What all runs have in common."""

    orders: int = 30
    kinds: tuple[str, ...] = ()
    evidence: Path = field(default_factory=lambda: Path("reports/faults").resolve())
    bug: str = ""
    fresh: bool = False  # not every tenth run alone


class Laboratory(NamedTuple):
    """One of them, as whoever deals the seeds sees it."""

    process: subprocess.Popen[bytes]
    pipe: Connection


def runs(seeds: Iterable[int], labs: int, wanted: Wanted, say: Callable[[str], Any]) -> Iterator[Outcome]:
    """Make the runs in so many laboratories; each as it is over.

    Raises:
        OperatorError: an engine is missing, or a laboratory does not come up.
    """
    waiting = deque(seeds)
    busy: dict[Connection, Laboratory] = {}
    dealt: dict[Connection, int] = {}
    up: set[Connection] = set()

    def another() -> None:
        lab = _opened(wanted)
        busy[lab.pipe] = lab

    try:
        for _ in range(min(labs, len(waiting))):
            another()
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                try:
                    kind, said = pipe.recv()
                except (EOFError, ConnectionResetError):  # it has ended; a run that broke takes its engines with it
                    busy.pop(pipe).process.wait()
                    if pipe in dealt:
                        yield _broken(dealt.pop(pipe), wanted, "the laboratory's process ended")
                    elif pipe not in up:
                        raise OperatorError("a laboratory did not come up", hint="Its own words are above.") from None
                    if waiting:
                        another()
                    continue
                if kind == MISSING:
                    raise OperatorError(*said[:1], hint=said[1])
                if kind == UP:
                    up.add(pipe)
                    say(f"engines are up after {said:.0f} s")
                else:
                    del dealt[pipe]
                    yield said
                    if BROKEN in said.violations:
                        continue
                seed = waiting.popleft() if waiting else None
                if seed is not None:
                    dealt[pipe] = seed
                pipe.send(seed)
    finally:
        for lab in busy.values():  # whoever is left: we end before our time
            lab.process.terminate()
            lab.pipe.close()
        for lab in busy.values():
            lab.process.wait()


def _opened(wanted: Wanted) -> Laboratory:
    """A program of its own: it inherits nothing of ours but the environment and its end of the pipe."""
    ours, its = Pipe()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.labs", str(its.fileno())], pass_fds=[its.fileno()], cwd=ROOT,
            env={"DJANGO_SETTINGS_MODULE": "tests.settings", **os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    ours.send(wanted)
    return Laboratory(process, ours)


def work(pipe: Connection) -> None:
    """A laboratory's life: engines, then a run for each seed until there is none."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        wanted = pipe.recv()
        django.setup()
        from tests.faults.engines import Engines

        with Engines() as engines:
            pipe.send((UP, time.monotonic() - began))
            while (seed := pipe.recv()) is not None:
                outcome = _one(engines, seed, wanted)
                pipe.send(("run", outcome))
                if BROKEN in outcome.violations:  # nobody knows in what state the engines are
                    break
    except OperatorError as error:
        with suppress(OSError):  # another laboratory has said the same
            pipe.send((MISSING, (str(error), error.hint)))
    except (EOFError, ConnectionError, KeyboardInterrupt):  # nobody wants to know any more
        return


def _one(engines: Any, seed: int, wanted: Wanted) -> Outcome:
    from tests.faults.plan import plan
    from tests.faults.run import one

    before = spent()
    try:
        chosen = plan(seed, wanted.orders, wanted.kinds)
        outcome = one(engines, chosen, wanted.evidence, wanted.bug, wanted.fresh or seed % FRESH == 0)
    except Exception:  # noqa: BLE001 it is the run's outcome, and the last of this laboratory
        return _broken(seed, wanted, traceback.format_exc())
    outcome.cpu = spent() - before
    return outcome


def _broken(seed: int, wanted: Wanted, why: str) -> Outcome:
    from tests.faults.plan import plan
    from tests.faults.run import Outcome

    return Outcome(plan(seed, wanted.orders, wanted.kinds), violations={BROKEN: why.strip().splitlines()[::-1]})


def spent() -> float:
    """Seconds of processor time that this process and all that it started have taken so far, where /proc tells."""
    ticks = 0
    for pid in family(os.getpid()):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has just ended
            continue
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))  # its own, and of children that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    work(Connection(int(sys.argv[1])))
