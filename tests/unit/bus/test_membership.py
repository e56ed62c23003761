"""Who has no partition is a member of the group, or waits to be one; only the latter is told."""
from __future__ import annotations

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from commerce_events.bus import clients, membership
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.membership import Membership
from commerce_events.bus.subscription import Subscription
from commerce_events.exceptions import TransientError
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

STILL = 8.0


@pytest.mark.parametrize("state", ["init", "wait-join", "wait-metadata", "wait-sync"])
def test_who_waits_for_too_long_says_for_what(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, told = Membership(), json.dumps({"cgrp": {"state": "up", "join_state": state}})
    ours.told(told)
    ours.check("lms")
    monkeypatch.setattr(membership, "STILL", -1.0)
    ours.told(told)
    with pytest.raises(TransientError, match="the consumer group lms has not let us in"):
        ours.check("lms")


def test_a_member_for_whom_no_partition_is_left_gets_on(
    sqlite: TestDatabase, broker: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three partitions, four members: watched for longer than anybody may be outside."""
    monkeypatch.setattr(membership, "STILL", STILL)
    monkeypatch.setattr(clients, "EVERY", 1.0)
    with ExitStack() as closing:
        members = []
        for _ in range(4):
            members.append(Subscription(bus_settings(), "earliest", lambda: datetime.now(UTC)))
            closing.callback(members[-1].close)
            members[-1].subscribe()
        until = time.monotonic() + 60
        while sorted(len(each.assigned) for each in members) != [0, 1, 1, 1]:
            assert time.monotonic() < until, [each.assigned for each in members]
            _round(members)
        until = time.monotonic() + 2 * STILL
        while time.monotonic() < until:
            _round(members)
            for each in members:
                each.check(3600)


def _round(members: list[Subscription]) -> None:
    for each in members:
        each.read(10, 0.1)
