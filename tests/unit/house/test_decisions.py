"""A decision has its sections, and what the code says of decisions is true."""
from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.rst"))
SECTIONS = ["Status", "Context", "Decision", "Consequences", "Rejected Alternatives", "References"]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_argues_in_the_usual_order(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    number = int(path.name[:4])
    assert lines[0].startswith(f"{number}. ")
    headings = [line for line, below in itertools.pairwise(lines) if re.fullmatch(r"\*{4,}", below)]
    assert headings == SECTIONS


def test_numbers_are_given_once() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert len(set(numbers)) == len(numbers)


def test_the_code_links_to_decisions_that_exist() -> None:
    known = {path.name for path in DECISIONS} | {path.name[:4] for path in DECISIONS}
    named = {
        (source.relative_to(ROOT).as_posix(), found[0] or found[1])
        for folder in ("commerce_events", "consumers", "tests", "deploy")
        for source in (ROOT / folder).rglob("*.py")
        for found in re.findall(r"docs/decisions/(\d[\w-]+\.rst)|ADR (\d{4})", source.read_text(encoding="utf-8"))
    }
    assert {(source, name) for source, name in named if name not in known} == set()
