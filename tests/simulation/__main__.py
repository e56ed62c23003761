"""``python -m tests.simulation``: as many steps as wanted. A violation is shrunk, and said how to repeat.

Examples:
  python -m tests.simulation --steps 1e6
  python -m tests.simulation --steps 1e9 --from-seed 1000000     as long as a night
  python -m tests.simulation --seed 97                           one run again
  python -m tests.simulation --seed 97 --bug no_pair_lock        with a fault planted
"""
from __future__ import annotations

import argparse
import math
import os
import sys

import django


def main(arguments: list[str]) -> int:
    """Exit codes: 0, every run holds; 1, a violation; 2, the command line is wrong."""
    from commerce_events.management.progress import Progress

    from .run import Run, ViolationError, check, plan, shrink
    from .stages import BUGS

    parser = argparse.ArgumentParser(
        "python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=_steps, default=1e6, help="steps in all, of as many runs (default 1e6)")
    parser.add_argument("--from-seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--seed", type=int, help="this run alone")
    parser.add_argument("--bug", default="", choices=["", *BUGS], help="plant a fault")
    said = parser.parse_args(arguments)
    seed, steps, runs, crashes = said.from_seed if said.seed is None else said.seed, 0, 0, 0
    progress = Progress(sys.stderr)
    while steps < said.steps:
        chosen = plan(seed, bug=said.bug)
        try:
            outcome = Run(chosen).run()
        except ViolationError as error:
            progress.close()
            print(f"{error}\n{chosen}\nshrunk, {check(smallest := shrink(chosen))}\n{smallest}")
            again = f" --bug {said.bug}" if said.bug else ""
            print(f"again: python -m tests.simulation --seed {seed}{again}")
            return 1
        seed, steps, runs, crashes = seed + 1, steps + outcome.steps, runs + 1, crashes + outcome.crashes
        progress.show("steps", min(1.0, steps / said.steps))
        if said.seed is not None:
            break
    progress.close()
    print(f"{runs} runs, {steps} steps, {crashes} crashes, no violation")
    return 0


def _steps(text: str) -> float:
    """At least one: a simulation that does nothing finds no violation either."""
    try:
        steps = float(text)
    except ValueError:
        steps = math.nan
    if not 1 <= steps < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps from 1 on; write it as 1000000 or 1e6")
    return steps


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main(sys.argv[1:]))
