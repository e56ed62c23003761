"""Loopback ports for servers: nobody else's, and nobody else's soon."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commerce_events.bus.embedded import ports
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.exceptions import OperatorError

OTHER = """
import sys
from commerce_events.bus.embedded.ports import free_ports
print(*free_ports(1), flush=True)
sys.stdin.read()
"""


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_port_that_was_drawn_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there yet, or not for a moment: a laboratory beside another one once did not come up."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        (ours,) = free_ports(1)
        (third,) = free_ports(1)
        monkeypatch.setattr(ports, "_CLAIMED", ports._CLAIMED - {third})
        draws = iter([theirs, ours, third])
        monkeypatch.setattr(ports._SYSTEM, "randrange", lambda *_: next(draws))
        assert free_ports(1) == [third]
    draws = iter([theirs])
    assert free_ports(1) == [theirs], "it has ended"


def test_ports_that_cannot_be_claimed_are_not_looked_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports.tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    ports._claims.cache_clear()
    with pytest.raises(OperatorError, match="cannot be opened: No such file"):
        free_ports(1)


def test_free_ports_are_not_those_of_outgoing_connections() -> None:
    """One of these could take the port of a server that is down and about to start again."""
    assert all(1024 < port < 32768 for port in free_ports(20))
