"""Who has no partition is a member of the group, or waits to be one; only the latter is told."""
from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from commerce_events.bus import clients, membership
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.membership import Membership
from commerce_events.bus.subscription import Subscription
from commerce_events.exceptions import TransientError
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

STILL = 15.0


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr(membership, "time", ours)
    return ours


def pass_(seconds: int, clock: Clock, ours: Membership, state: str) -> None:
    """Asked every second, with statistics now and then. What stands before is as librdkafka writes it."""
    for second in range(seconds):
        clock.now += 1
        if second % 5 == 0:
            ours.told('{ "name": "a"b", "cgrp": { "state": "up", "join_state": "%s", "stateage": 1 } }' % state)  # noqa: UP031
        ours.check("lms")


@pytest.mark.parametrize("state", ["init", "wait-join", "wait-metadata", "wait-sync"])
def test_who_waits_for_too_long_says_for_what_until_it_is_let_in(state: str, clock: Clock) -> None:
    ours = Membership()
    pass_(60, clock, ours, state)
    with pytest.raises(TransientError, match="the consumer group lms has not let us in for 61 s"):
        pass_(1, clock, ours, state)
    pass_(200, clock, ours, "steady")


def test_who_was_stopped_or_had_partitions_meanwhile_counts_from_then(clock: Clock) -> None:
    ours = Membership()
    clock.now += 300
    pass_(61, clock, ours, "wait-join")
    with pytest.raises(TransientError):
        pass_(1, clock, ours, "wait-join")


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
        until = time.monotonic() + 1.2 * STILL
        while time.monotonic() < until:
            _round(members)
            for each in members:
                each.check(3600)


def test_a_site_that_listens_to_the_statistics_still_hears_them(
    sqlite: TestDatabase, broker: Broker, prefix: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "EVERY", 0.2)
    heard: list[str] = []
    said = settings.COMMERCE_EVENTS
    settings.COMMERCE_EVENTS = {**said, "KAFKA": {**said["KAFKA"], "stats_cb": heard.append}}
    member = Subscription(bus_settings(), "earliest", lambda: datetime.now(UTC))
    try:
        until = time.monotonic() + 30
        while not heard:
            assert time.monotonic() < until
            member.subscribe()  # tried again and again, as while the broker is away: it is told meanwhile
    finally:
        member.close()


@pytest.mark.real
def test_a_topic_that_was_deleted_is_told(sqlite: TestDatabase, broker: Broker, prefix: str) -> None:
    """Kafka's client goes on asking for its partitions, and keeps the place in the group."""
    member = Subscription(bus_settings(), "earliest", lambda: datetime.now(UTC))
    try:
        member.subscribe()
        assert member.stuck() == []
        for future in member.admin.delete_topics(member.topics).values():
            future.result(20)
        until = time.monotonic() + 60
        while member.stuck() != [f"{topic} (deleted)" for topic in member.topics]:
            assert time.monotonic() < until, member.stuck()
            _round([member])
            with suppress(TransientError):  # a slow broker is asked again, as the intake does
                member.check(0)
    finally:
        member.close()


def _round(members: list[Subscription]) -> None:
    for each in members:
        each.read(10, 0.1)
