"""The fault runs that were made and kept (``tests/faults/results/campaign.jsonl``), and what was found in them."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docs.from_code.rst import note, table
from tests.faults import campaign

RESULTS = Path(__file__).resolve().parents[2] / "tests" / "faults" / "results"


def page() -> str:
    """The sum, a row for each commit, and a row for each run that was violated."""
    kept: dict[str, Any] = campaign.summarise(campaign.RUNS)
    explained = json.loads((RESULTS / "explained.json").read_text(encoding="utf-8"))
    causes = {(seed, commit): row for row in explained for seed, commit in row["runs"]}
    return "\n\n".join([
        (note("tests/faults/results/campaign.jsonl") + _sum(kept)).rstrip(),
        table(("Commit", "Runs", "Kills", "Messages", "Runs violated"), map(_commit, kept["commits"])).rstrip(),
        table(("Seed", "Commit", "What was violated", "Where", "Cause", "Mended in"),
              (_found(each, causes.get((each["seed"], each["commit"]))) for each in kept["found"])).rstrip(),
    ])  # fmt: skip


def _sum(kept: dict[str, Any]) -> str:
    return (
        f"From {kept['from'][:16].replace('T', ' ')} to {kept['to'][:16].replace('T', ' ')} UTC: **{kept['runs']:,} "
        f"runs**, **{kept['kills']:,} kills** (SIGKILL of a living process), {kept['faults']:,} faults of "
        f"{len(kept['kinds'])} kinds ({_skipped(kept)}), "
        f"{kept['messages']:,} messages, {kept['results']:,} results, "
        f"{kept['offset samples']:,} comparisons of offsets with positions, "
        f"{kept['health probes']:,} health files read of processes that could not get on (in the "
        f"{kept['runs that counted health probes']} runs that counted them). In "
        f"{kept['runs with every process started from nothing']} runs every process was started from nothing, in the "
        f"others forked. A run took {kept['seconds per run']} s and {kept['processor seconds per run']} s of "
        f"processors, everything in the laboratory counted, three laboratories at a time on two shared processors, "
        "beside other work. A seed that is violated again at a later commit has a row again."
    )


def _skipped(kept: dict[str, Any]) -> str:
    counted = kept["runs that counted what was skipped"]
    planned = "as planned: one that came upon another one may have changed nothing"
    apart = f"in {counted} runs {kept['skipped']} more did not come to pass and are not among them"
    return "; ".join([planned] * (counted < kept["runs"]) + [apart] * (counted > 0))


def _commit(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"``{row['commit']}``", f"{row['runs']:,}", f"{row['kills']:,}", f"{row['messages']:,}",
        str(len(row["violated"])),
    )  # fmt: skip


def _found(row: dict[str, Any], cause: dict[str, Any] | None) -> tuple[str, ...]:
    told = (cause["where"], cause["cause"], f"``{cause['mended']}``" if cause["mended"] else "not yet") if cause else (
        "not known yet", "not known yet", ""
    )  # fmt: skip
    return str(row["seed"]), f"``{row['commit']}``", "; ".join(row["violations"]), *told
