"""No log has the text of an error that nobody foresaw: that of a database may quote a row, and with it a learner."""
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITH_ITS_TEXT = re.compile(r"\.exception\(\s*f?[\"']|exc_info|traceback\.(format_exc|print_exc)")


def test_an_error_is_logged_by_its_class_and_place_alone() -> None:
    sources = [path for name in ("commerce_events", "consumers") for path in (ROOT / name).rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}:{number}" for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if WITH_ITS_TEXT.search(line)
    ]  # fmt: skip
    assert len(sources) > 100 and found == [], "failures.summary says what may be said"
    assert WITH_ITS_TEXT.search('log.exception("the consumer stopped")'), "the pattern finds what it is for"
