"""The stock loop beside ours: in the same runs, on the same topic, under the same faults, counted in the same way.

``python -m tests.faults.stock`` makes runs for each row (``stock_rows.py``) and adds a line for each to
``tests/faults/results/stock.jsonl``, of which docs/generate.py makes the tables. A run that is made again at a later
commit counts in place of the earlier one.

Examples:
  python -m tests.faults.stock --runs 1                          every row once
  python -m tests.faults.stock --row "commits cut" --seed 3      one row, three runs more
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from tests.engines.commit import COMMIT
from tests.faults.campaign import whole
from tests.faults.stock_rows import ROWS, planned

RESULT = Path(__file__).with_name("results") / "stock.jsonl"


def measure(folder: Path, names: Sequence[str], seeds: Sequence[int], say: Callable[[dict[str, Any]], None]) -> None:
    """A run for each row and seed; every row once before any comes again, so that an interruption leaves a table."""
    from tests.faults.engines import Engines
    from tests.faults.stock_run import Beside

    with Engines() as engines:
        for seed in seeds:
            for name in names:
                number = 101 * seed + list(ROWS).index(name)
                run = Beside(engines, planned(ROWS[name], number), folder / f"{name.replace(' ', '-')}-{seed}")
                run.row = ROWS[name]
                outcome = run.make()
                say({
                    "fault": name, "seed": number, "commit": COMMIT,
                    "at": datetime.now(UTC).isoformat(timespec="seconds"), "database": outcome.plan.database,
                    "messages": outcome.events,
                    "load": round(os.getloadavg()[0], 1), "seconds": round(outcome.seconds, 1), "stock": run.stock,
                    "skipped": outcome.skipped,
                    "ours": {**run.ours, "violations": {name: said[:3] for name, said in outcome.violations.items()}},
                })  # fmt: skip


def is_void(line: dict[str, Any]) -> bool:
    """Whether the faults did not meet the stock loop: one did not come to pass, or it handled its first event after
    them and lost nothing, on a machine that was too busy.
    """
    if line.get("skipped"):
        return True
    row, stock = ROWS[line["fault"]], line["stock"]
    met = row.cut_off or any(stock[what] for what in ("lost", "left", "repeated", "results lost"))
    return not met and stock["first"] > max(at for at, _, _ in row.faults)


def main(arguments: list[str]) -> int:
    """Exit codes: 0, nothing of ours was violated; 1, something was; 2, the command line is wrong."""
    parser = argparse.ArgumentParser(
        "python -m tests.faults.stock", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", action="append", choices=list(ROWS), help="this one alone (may be repeated)")
    parser.add_argument("--runs", type=whole, default=3, help="of each row (default 3)")
    parser.add_argument("--seed", type=whole, default=1, help="of the first run of a row (default 1)")
    parser.add_argument("--evidence", type=Path, default=Path("reports/stock"), help="where logs are kept")
    parser.add_argument("--log", type=Path, default=RESULT, help="where a line for each run is added")
    said = parser.parse_args(arguments)
    if not said.log.parent.is_dir():
        parser.error(f"--log: there is no folder {said.log.parent}")
    violated: list[str] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the engines are to end with us

    def keep(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)
        violated.extend(line["ours"]["violations"])
        if is_void(line):
            print("not kept: the faults did not meet the stock loop", flush=True)
            return
        with said.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    measure(said.evidence.resolve(), said.row or list(ROWS), range(said.seed, said.seed + said.runs), keep)
    return 1 if violated else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main(sys.argv[1:]))
