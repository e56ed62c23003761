"""The runs that were kept: the whole benchmark, and beside it parts that were runs of their own."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"
LATEST = "latest.json"


def run(folder: Path = FOLDER) -> dict[str, Any]:
    """Conditions and what was measured. What a part has measured goes over what the whole run has of the same loop.

    ``conditions["parts"]`` has those of each part, by the name of its file.
    """
    found = _read(folder / LATEST)
    parts = found["conditions"]["parts"] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name != LATEST:
            part = _read(path)
            parts[path.stem] = part["conditions"]
            for database, loops in part["measured"].items():
                found["measured"].setdefault(database, {}).update(loops)
    return found


def _read(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept
