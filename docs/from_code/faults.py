"""The table of what the stock loop loses, from the runs that were kept (``tests/faults/results/stock.json``)."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docs.from_code.rst import note, table

RESULTS = Path(__file__).resolve().parents[2] / "tests" / "faults" / "results" / "stock.json"
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}


def page() -> str:
    """One row for each kind of fault."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    head = ("Fault", "Database", "Events", "Stock: never handled", "Stock: handled again", "Stock: result lost",
            "Stock: ended by itself", "Ours: violations")  # fmt: skip
    return note("tests/faults/results/stock.json") + table(head, (_row(row) for row in rows))


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    stock = row["stock"]
    counts = (stock["lost"], stock["repeated"], stock["results lost"], stock["ends"])
    ours = ", ".join(row["ours"]) or "none"
    return row["fault"], NAMES[row["database"]], str(row["events"]), *(_loud(count) for count in counts), ours


def _loud(count: int) -> str:
    return f"**{count}**" if count else "0"
