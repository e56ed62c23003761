"""A topic is deleted only while it is known what it holds."""
from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commerce_events.bus.embedded.server import Server
from tests.faults.crew import Crew, Member
from tests.faults.on_topics import _between_sales
from tests.faults.store import SELLING, SOLD

#: A store that has the broker's word on its only sale when a file is there.
STORE = f"""
import os, sys, time
print({SELLING!r}, flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
print({SOLD!r}, flush=True)
time.sleep(60)
"""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path, {}, lambda text: None)
    yield crew
    crew.close()


def store(crew: Crew, word: Path) -> Member:
    def make(member: Member, _: Mapping[str, str]) -> Server:
        command = [sys.executable, "-c", STORE, str(word)]
        return Server(member.name, command, ready=lambda: True, log=member.log, environment={})

    member = crew._joined(crew.stores, Member("store", (), crew.folder, make, ends=True))
    until = time.monotonic() + 20
    while SELLING not in member.log.read_text() and time.monotonic() < until:
        time.sleep(0.02)
    return member


def stands_still(member: Member) -> bool:
    assert member.server is not None
    return Path(f"/proc/{member.server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_store_is_stopped_only_where_it_waits_for_no_word(crew: Crew, tmp_path: Path) -> None:
    scene: Any = SimpleNamespace(crew=crew)
    selling = store(crew, tmp_path / "word")
    with _between_sales(scene, patience=0.3) as at_rest:
        assert not at_rest
    assert not stands_still(selling)
    (tmp_path / "word").touch()
    with _between_sales(scene) as at_rest:
        assert at_rest and stands_still(selling)
        assert SOLD in selling.log.read_text()
    assert not stands_still(selling)
