"""What runs came to: a line for each, and the sum of many."""
from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commerce_events.exceptions import OperatorError
from tests.engines.commit import COMMIT
from tests.faults.plan import PREPARATION

if TYPE_CHECKING:
    from tests.faults.run import Outcome

#: The runs that were kept; docs/generate.py sums them up.
RUNS = Path(__file__).with_name("results") / "campaign.jsonl"


def line(outcome: Outcome) -> dict[str, Any]:
    """A run, to be kept."""
    plan = outcome.plan
    return {
        "seed": plan.seed, "commit": COMMIT, "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": plan.database, "faults": outcome.faults, "skipped": outcome.skipped,
        "fresh": outcome.fresh,
        "kills": outcome.kills, "messages": outcome.events, "results": outcome.results, "samples": outcome.samples,
        "probes": outcome.probes,
        "seconds": round(outcome.seconds, 1), "settled": round(outcome.settled, 1), "cpu": round(outcome.cpu, 1),
        "violations": {name: said[:3] for name, said in outcome.violations.items()},
    }  # fmt: skip


def total(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Many runs."""
    kept = list(lines)
    number = max(1, len(kept))
    kinds = Counter(kind for each in kept for kind in each["faults"] if kind != PREPARATION)
    return {
        "runs": len(kept), "violated": sorted({each["seed"] for each in kept if each["violations"]}),
        "faults": kinds.total(), "skipped": sum(len(each.get("skipped", ())) for each in kept),
        "runs that counted what was skipped": sum("skipped" in each for each in kept),  # the first ones did not
        "kills": sum(each["kills"] for each in kept),
        "messages": sum(each["messages"] for each in kept), "results": sum(each["results"] for each in kept),
        "offset samples": sum(each["samples"] for each in kept),
        "health probes": sum(each.get("probes", 0) for each in kept),
        "runs that counted health probes": sum("probes" in each for each in kept),  # the first ones did not
        "runs with every process started from nothing": sum(each["fresh"] for each in kept),
        "seconds per run": round(sum(each["seconds"] for each in kept) / number, 1),
        "processor seconds per run": round(sum(each["cpu"] for each in kept) / number, 1),
        "kinds": dict(sorted(kinds.items())),
    }  # fmt: skip


def summarise(log: Path) -> dict[str, Any]:
    """The whole of a log, and each commit of it: what was run, what was found.

    Raises:
        OperatorError: it is none.
    """
    kept = _lines(log)
    kept.sort(key=lambda each: each["at"])
    commits = []
    for commit in dict.fromkeys(each["commit"] for each in kept):
        own = total(each for each in kept if each["commit"] == commit)
        said = Counter(name for each in kept if each["commit"] == commit for name in each["violations"])
        commits.append({
            "commit": commit, "runs": own["runs"], "kills": own["kills"], "messages": own["messages"],
            "violated": own["violated"], "violations": dict(said),
        })  # fmt: skip
    found = [
        {"seed": each["seed"], "commit": each["commit"], "violations": sorted(each["violations"])}
        for each in kept if each["violations"]
    ]  # fmt: skip
    return {
        **total(kept), "from": kept[0]["at"] if kept else "", "to": kept[-1]["at"] if kept else "",
        "commits": commits, "found": found,
    }  # fmt: skip


def _lines(log: Path) -> list[dict[str, Any]]:
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{log} cannot be read: {error}", hint="Name a file that --log has written.") from None
    kept = []
    for number, text in enumerate(lines, 1):
        try:
            kept += [json.loads(text)] if text.strip() else []
            total(kept[-1:])  # every field is there
        except (ValueError, TypeError, LookupError):
            raise OperatorError(
                f"{log}: line {number} is no run", hint="Delete it if an interruption has cut it; all others count."
            ) from None
    if not kept:
        raise OperatorError(f"{log} holds no run", hint="Name a file that --log has written.")
    return kept


def whole(text: str) -> int:
    """A number on the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
