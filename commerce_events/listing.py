"""A list of records as text, the way a person or a program wants it: table, json, ndjson or csv."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

FORMATS = ("table", "json", "ndjson", "csv")


def listed(records: Sequence[dict[str, Any]], columns: Sequence[str], how: str) -> str:
    """The text, without the last line break; an empty one where there is nothing to print.

    Arguments:
        columns: names of the fields, in the order of table and csv; json and ndjson hold every field.
        how: one of :data:`FORMATS`.
    """
    if how == "json":
        return json.dumps(list(records), indent=2, ensure_ascii=False)
    if how == "ndjson":
        return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    if how == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return out.getvalue().rstrip("\n")
    return table(records, columns) if records else ""


def table(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Columns as wide as they must be, with a heading."""
    cells = [["" if record.get(name) is None else str(record[name]) for name in columns] for record in records]
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    rows = [[name.upper().replace("_", " ") for name in columns], *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
