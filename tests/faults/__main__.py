"""Real processes under faults, as many runs as wanted; every run is its seed.

Examples:
  python -m tests.faults --runs 60 --seed 1            as continuous integration does
  python -m tests.faults --runs 1 --seed 17            one run again
  python -m tests.faults --runs 1 --bug "an event is known by its ce id"     a bug planted, which the run must show
  python -m tests.faults --plan --seed 17              what a seed decides, without doing it
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django


#: In every tenth run processes are started, not forked.
FRESH = 10


def main(arguments: list[str]) -> int:
    """Exit codes: 0, every run holds; 1, a violation; 2, the command line is wrong; 3, an engine is missing."""
    from django.core.management.base import OutputWrapper

    from commerce_events.exceptions import OperatorError
    from commerce_events.management.progress import Progress
    from tests.faults.engines import Engines
    from tests.faults.plan import KINDS, plan
    from tests.faults.run import Outcome, one

    parser = argparse.ArgumentParser(
        "python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"exit codes: {' '.join((main.__doc__ or '').split()[2:])}",
    )  # fmt: skip
    parser.add_argument("--runs", type=int, default=5, help="how many, of as many seeds (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--orders", type=int, default=30, help="orders of a run (default 30)")
    parser.add_argument("--kinds", default="", help="these faults alone, by their names with commas between them")
    parser.add_argument("--evidence", type=Path, default=Path("reports/faults"), help="where failed runs are kept")
    parser.add_argument("--report", type=Path, help="write what was done here, as JSON")
    parser.add_argument("--bug", default="", help="plant one in the consumers; see tests/faults/planted.py")
    parser.add_argument("--fresh", action="store_true", help="start every process from nothing, as every tenth run does")
    parser.add_argument("--plan", action="store_true", help="show what the seed decides, and do nothing")
    said = parser.parse_args(arguments)
    kinds = [kind.strip() for kind in said.kinds.split(",") if kind.strip()]
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no faults: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    if said.plan:
        print(plan(said.seed, said.orders, kinds))
        return 0
    progress, began = Progress(OutputWrapper(sys.stderr)), time.monotonic()
    outcomes: list[Outcome] = []
    try:
        with Engines() as engines:
            print(f"engines are up after {time.monotonic() - began:.0f} s", flush=True)
            for number in range(said.runs):
                progress.show(f"run {number + 1} of {said.runs}", number / said.runs)
                seed = said.seed + number
                chosen, evidence = plan(seed, said.orders, kinds), said.evidence.resolve()
                fresh = said.fresh or seed % FRESH == 0
                outcomes.append(one(engines, chosen, evidence, _say(progress), said.bug, fresh))
    except OperatorError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 3
    finally:
        progress.close()
    total = _total(outcomes)
    print(json.dumps(total))
    if said.report is not None:
        said.report.write_text(json.dumps(total, indent=2) + "\n", encoding="utf-8")
    return 1 if total["violated"] else 0


def _say(progress: Any) -> Callable[[str], None]:
    def say(text: str) -> None:
        progress.close()
        print(text, flush=True)

    return say


def _total(outcomes: list[Any]) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for outcome in outcomes:
        for fault in outcome.plan.faults:
            kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
    return {
        "runs": len(outcomes), "violated": [outcome.plan.seed for outcome in outcomes if outcome.violations],
        "faults": sum(kinds.values()), "kills": sum(outcome.kills for outcome in outcomes),
        "messages": sum(outcome.events for outcome in outcomes),
        "results": sum(outcome.results for outcome in outcomes),
        "offset samples": sum(outcome.samples for outcome in outcomes),
        "seconds per run": round(sum(outcome.seconds for outcome in outcomes) / max(1, len(outcomes)), 1),
        "kinds": dict(sorted(kinds.items())),
    }  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main(sys.argv[1:]))
