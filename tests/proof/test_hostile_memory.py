"""Hostile schemas and bodies are refused within a bound of memory, which a reader that believes them exceeds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proof import hostile
from tests.proof.hostile import ATTACKS, MEGABYTE
from tests.unit.contract.test_registry import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"),
]

#: What one message may cost, and what a reader that believes the schema spends at least on some.
BOUND, FAR_MORE = 16 * MEGABYTE, 64 * MEGABYTE
DEADLY = {
    "five bytes of nulls", "lists of lists of nulls", "2^40 nulls", "a megabyte of empty records",
    "a megabyte of flags", "a megabyte of lists of nothing",
}  # fmt: skip
TOLD = {"a good order": "event", "twenty megabytes": "too_large"}


@pytest.fixture
def registry() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def process(how: str, name: str, registry: Server) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.proof.hostile", how, name, registry.url],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def run(how: str, name: str, registry: Server) -> dict[str, Any]:
    ended = process(how, name, registry)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_message_costs_more_than_its_bound(name: str, registry: Server) -> None:
    registry.says(200, {"schema": hostile.schema_text(name)})
    ended = run("ours", name, registry)
    assert ended["outcome"] == TOLD.get(name, "undecodable")
    assert ended["grown"] < BOUND


@pytest.mark.parametrize("name", sorted(DEADLY))
def test_who_believes_the_schema_exceeds_it(name: str, registry: Server) -> None:
    assert run("naive", name, registry)["grown"] > FAR_MORE


def test_recursion_without_end_is_refused_where_a_naive_reader_is_no_more(registry: Server) -> None:
    """Above, ours answers; fastavro alone runs out of its stack and takes the process along."""
    registry.says(200, {"schema": hostile.schema_text("a record in itself")})
    assert process("naive", "a record in itself", registry).returncode < 0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("fifty megabytes", "unknown_schema"), ("without end", "unknown_schema"), ("elsewhere", "OperatorError")],
)
def test_a_hostile_registry_costs_no_more(answer: str, outcome: str, registry: Server) -> None:
    if answer == "elsewhere":
        registry.says(307, {}, Location="http://127.0.0.1:9/schemas/ids/1")
    else:
        registry.says(200, b'{"schema": "' + b"x" * 50 * MEGABYTE)
    if answer == "without end":
        registry.headers = {"Content-Length": str(1 << 50)}
    ended = run("ours", "a good order", registry)
    assert ended["outcome"] == outcome
    assert ended["grown"] < BOUND
