"""The runs that were kept: the whole benchmark, and beside it the long backlog where it was a run of its own."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"
LATEST, BACKLOG = FOLDER / "latest.json", FOLDER / "backlog.json"


def run() -> dict[str, Any]:
    """Conditions and what was measured; the backlogs are those of their own run, if there was one."""
    found: dict[str, Any] = json.loads(LATEST.read_text(encoding="utf-8"))
    if BACKLOG.exists():
        beside = json.loads(BACKLOG.read_text(encoding="utf-8"))
        found["conditions"]["backlog"] = beside["conditions"]
        for database, loops in beside["measured"].items():
            found["measured"][database]["backlog"] = loops["backlog"]
    return found
