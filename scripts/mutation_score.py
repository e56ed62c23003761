"""``python scripts/mutation_score.py 85``: the share of planted faults that was found; fails below that many percent"""
from __future__ import annotations

import json
import sys
from pathlib import Path

STATISTICS = Path("mutants") / "mutmut-cicd-stats.json"


def main(least: float) -> int:
    """Print the score; the exit code says whether it suffices. A fault that makes a test hang is found, too."""
    counted = json.loads(STATISTICS.read_text(encoding="utf-8"))
    found, missed = counted["killed"] + counted["timeout"], counted["survived"] + counted["no_tests"]
    score = 100 * found / (found + missed)
    sys.stdout.write(f"mutation score {score:.1f} %: {found} of {found + missed} faults found\n")
    return 0 if score >= least else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
