"""Laboratories side by side: each a process with engines of its own. Whoever is free gets the next seed."""
from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import django

from commerce_events.bus.embedded.server import family
from commerce_events.exceptions import OperatorError

if TYPE_CHECKING:
    from tests.faults.run import Outcome

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

    process: BaseProcess
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
                    busy.pop(pipe).process.join()
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
        for lab in busy.values():
            lab.pipe.close()
        for lab in busy.values():
            lab.process.join(60)


def _opened(wanted: Wanted) -> Laboratory:
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(its, wanted), name="laboratory")
    process.start()
    its.close()
    return Laboratory(process, ours)


def _work(pipe: Connection, wanted: Wanted) -> None:
    """A laboratory's life: engines, then a run for each seed until there is none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from tests.faults.engines import Engines

    began = time.monotonic()
    try:
        with Engines() as engines:
            pipe.send((UP, time.monotonic() - began))
            while (seed := pipe.recv()) is not None:
                pipe.send(("run", _one(engines, seed, wanted)))
    except OperatorError as error:
        pipe.send((MISSING, (str(error), error.hint)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):  # nobody wants to know any more
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
