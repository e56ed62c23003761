"""The SQL for analysts gives each line's current result, whatever was sent twice."""
from __future__ import annotations

import re
import sqlite3
import textwrap
from pathlib import Path

from commerce_events import identity

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-tos" / "read-the-results.rst"
COLUMNS = "result_id, installation, order_key, line_id, action, refund_id, outcome, reason_code, is_final, sequence"
NEW_EPOCH = identity.sequence(28_000_000, 1)
ROWS = [
    ("a", "lms", "shop:1", "1", "fulfill", None, "deferred", "learner_not_found", 0, 1),
    ("b", "lms", "shop:1", "1", "fulfill", None, "completed", "ok", 1, 2),
    ("b", "lms", "shop:1", "1", "fulfill", None, "completed", "ok", 1, 2),  # sent twice
    ("c", "lms", "shop:1", None, "revoke", "r", "retained", "amount_only_refund", 1, 3),
    ("d", "lms", "shop:2", "1", "fulfill", None, "completed", "ok", 1, 9),
    ("e", "lms", "shop:2", "1", "fulfill", None, "failed", "mode_expired", 1, NEW_EPOCH),
    ("f", "other", "shop:1", "1", "fulfill", None, "skipped", "test_order", 1, 1),
]


def test_the_sql_of_the_page_finds_what_holds_and_counts_what_happened() -> None:
    found = re.findall(r"code-block:: sql\n\n((?: {4}.*\n|\n)+)", PAGE.read_text(encoding="utf-8"))
    current, counts = map(textwrap.dedent, found)
    database = sqlite3.connect(":memory:")
    try:
        database.execute(f"CREATE TABLE results ({COLUMNS})")
        database.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ROWS)
        stand = {(row[0], row[1], row[2], row[3]): (row[5], row[8]) for row in database.execute(current)}
        assert len(database.execute(current).fetchall()) == 4
        assert stand == {
            ("lms", "shop:1", "1", "fulfill"): ("completed", 2),
            ("lms", "shop:1", None, "revoke"): ("retained", 3),
            ("lms", "shop:2", "1", "fulfill"): ("failed", NEW_EPOCH),
            ("other", "shop:1", "1", "fulfill"): ("skipped", 1),
        }
        assert ("completed", "ok", 2) in database.execute(counts).fetchall()
    finally:
        database.close()
