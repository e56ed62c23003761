"""Real processes under faults, as many runs as wanted; every run is its seed.

Examples:
  python -m tests.faults --runs 60 --seed 1            sixty runs, one after the other
  python -m tests.faults --runs 60 --labs 3            three at a time, each on engines of its own
  python -m tests.faults --runs 1 --seed 17            one run again
  python -m tests.faults --runs 1 --bug "an event is known by its ce id"     a bug planted, which the run must show
  python -m tests.faults --plan --seed 17              what a seed decides, without doing it
  python -m tests.faults --runs 500 --log runs.jsonl   a line for each run, at once: an interruption loses nothing
  python -m tests.faults --summarise runs.jsonl        what they came to, as JSON
"""
from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from tests.faults.labs import Wanted
    from tests.faults.run import Outcome


def main(arguments: list[str]) -> int:
    """Exit codes: 0, every run holds; 1, a violation; 2, the command line is wrong; 3, an engine is missing;
    130, interrupted.
    """
    from django.core.management.base import OutputWrapper

    from commerce_events.exceptions import OperatorError
    from commerce_events.management.progress import Progress
    from tests.faults import campaign
    from tests.faults.engines import ready
    from tests.faults.labs import Wanted, runs
    from tests.faults.plan import KINDS, plan

    said = _parsed(arguments, list(KINDS))
    if said.summarise:
        try:
            print(json.dumps(campaign.summarise(said.summarise), indent=2))
        except OperatorError as error:
            print(f"{error}\n{error.hint}", file=sys.stderr)
            return 2
        return 0
    if said.plan:
        print(plan(said.seed, said.orders, said.kinds))
        return 0
    wanted = Wanted(said.orders, said.kinds, said.evidence.resolve(), said.bug, said.fresh)
    progress, lines = Progress(OutputWrapper(sys.stderr)), []

    def say(text: str) -> None:
        progress.close()
        print(text, flush=True)
        progress.show(f"{len(lines)} of {said.runs} runs", len(lines) / said.runs)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the engines are to end with us
    try:
        say("the engines are got ready; the first time on a machine this takes minutes")
        ready()
        for outcome in runs(range(said.seed, said.seed + said.runs), said.labs, wanted, say):
            lines.append(campaign.line(outcome))
            if said.log is not None:
                with said.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(lines[-1]) + "\n")
            say(told(outcome, wanted))
    except OperatorError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; what has ended is in the log", file=sys.stderr)
        return 130
    finally:
        progress.close()
    total = campaign.total(lines)
    print(json.dumps(total))
    if said.report is not None:
        said.report.write_text(json.dumps(total, indent=2) + "\n", encoding="utf-8")
    return 1 if total["violated"] else 0


def _parsed(arguments: list[str], known: list[str]) -> argparse.Namespace:
    from tests.faults import campaign

    parser = argparse.ArgumentParser(
        "python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"exit codes: {' '.join((main.__doc__ or '').split()[2:])}",
    )  # fmt: skip
    parser.add_argument("--runs", type=campaign.whole, default=5, help="how many, of as many seeds (default 5)")
    parser.add_argument("--seed", type=campaign.whole, default=1, help="the first seed (default 1)")
    parser.add_argument("--labs", type=campaign.whole, default=1, help="how many runs at a time (default 1)")
    parser.add_argument("--orders", type=campaign.whole, default=30, help="orders of a run (default 30)")
    parser.add_argument("--kinds", default="", help="these faults alone, by their names with commas between them")
    parser.add_argument("--evidence", type=Path, default=Path("reports/faults"), help="where failed runs are kept")
    parser.add_argument("--report", type=Path, help="write what was done here, as JSON")
    parser.add_argument("--log", type=Path, help="add a line of JSON for each run to this file, when it is over")
    parser.add_argument("--bug", default="", help="plant one in the consumers; see tests/faults/planted.py")
    parser.add_argument(
        "--fresh", action="store_true", help="start every process from nothing, as every tenth seed does"
    )
    parser.add_argument("--plan", action="store_true", help="show what the seed decides, and do nothing")
    parser.add_argument("--summarise", type=Path, metavar="LOG", help="sum up what --log wrote, and run nothing")
    said = parser.parse_args(arguments)
    if said.bug:
        from tests.faults.planted import BUGS  # imports what it changes

        if said.bug not in BUGS:
            parser.error("no such bug; there are:\n  " + "\n  ".join(BUGS))
    if said.kinds and not said.kinds.replace(",", "").strip():
        parser.error(f"--kinds names no fault; there are {', '.join(known)}")
    said.kinds = tuple(kind.strip() for kind in said.kinds.split(",") if kind.strip())
    for name, file in (("--log", said.log), ("--report", said.report)):
        if file is not None and not file.parent.is_dir():
            parser.error(f"{name}: there is no folder {file.parent}")
    if unknown := set(said.kinds) - set(known):
        parser.error(f"no faults: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return said


def told(outcome: Outcome, wanted: Wanted) -> str:
    """A run in words; a failed one with its evidence and the command that makes it again."""
    if not outcome.violations:
        return str(outcome)
    kept = f"\n  evidence: {outcome.folder}" if outcome.folder is not None else ""
    return f"{outcome}{kept}\n  again: {again(outcome.plan.seed, wanted)}"


def again(seed: int, wanted: Wanted) -> str:
    """The command that makes a run again."""
    from tests.faults.labs import Wanted

    usual = Wanted()
    options: dict[str, Any] = {
        "--orders": str(wanted.orders) if wanted.orders != usual.orders else "", "--kinds": ",".join(wanted.kinds),
        "--bug": wanted.bug,
    }  # fmt: skip
    more = [part for name, value in options.items() if value for part in (name, value)]
    more += ["--fresh"] if wanted.fresh else []
    return f"make chaos RUNS=1 SEED={seed}" + (f" ARGS={shlex.quote(shlex.join(more))}" if more else "")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main(sys.argv[1:]))
