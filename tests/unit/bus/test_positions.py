"""What the log and the position say to each other, and what an operator decides."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import transaction

from commerce_events.bus import positions, sql
from commerce_events.bus.kafka import Log
from commerce_events.bus.positions import Stand
from commerce_events.models import Gap, Position
from tests.engines.schema import TestDatabase

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STAND = Stand(1, "orders", 0, 100, "topic-1")


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (Log(0, 200, "topic-1"), ""),
        (Log(100, 100, "topic-1"), ""),
        (Log(101, 200, "topic-1"), "offsets_expired"),
        (Log(0, 99, "topic-1"), "log_truncated"),
        (Log(0, 200, "topic-2"), "topic_recreated"),
        (Log(0, 50, "topic-2"), "topic_recreated"),
        (Log(0, 200, ""), ""),
    ],
)
def test_reading_on_in_silence_is_refused_where_something_would_be_passed_over(log: Log, reason: str) -> None:
    assert positions.gap(STAND, log) == reason


def test_a_position_of_a_broker_without_ids_fits_every_topic() -> None:
    assert positions.gap(replace(STAND, topic_id=""), Log(0, 200, "topic-2")) == ""


def test_a_committed_offset_ahead_of_the_database_gives_a_restore_away() -> None:
    stands = {("orders", i): Stand(i, "orders", i, 100, halted="offsets_expired" if i == 2 else "") for i in range(4)}
    committed = {("orders", 0): 100, ("orders", 1): 101, ("orders", 2): 500, ("orders", 3): -1001, ("others", 0): 9}
    assert positions.ahead(committed, stands) == {"orders[1]": 101}


def test_the_first_word_on_a_position_stands(database: TestDatabase) -> None:
    first = positions.start("group", "orders", 0, 10, "topic-1")
    assert positions.start("group", "orders", 0, 99, "topic-1") == first
    assert positions.load("group", ["orders"]) == {("orders", 0): first}
    assert positions.load("GROUP", ["orders"]) == {}


def test_a_position_moves_only_from_where_it_is_thought_to_be(database: TestDatabase) -> None:
    stands = {("orders", i): positions.start("group", "orders", i, 10, "topic-1") for i in range(3)}
    assert positions.advance(stands["orders", 1], 11, NOW)
    assert not positions.advance(stands["orders", 1], 12, NOW)
    offsets = {("orders", i): 20 for i in range(3)}
    with transaction.atomic():
        (rows,) = sql.selects(positions.locked(stands, offsets))
        lost, moved = positions.advance_all(stands, offsets, rows, NOW)
        sql.update(Position, positions.ADVANCED, moved)
    assert lost == {("orders", 1)}
    assert list(Position.objects.order_by("partition").values_list("offset", flat=True)) == [20, 11, 20]


def test_a_gap_halts_its_partition_once_and_is_resolved_by_name(database: TestDatabase) -> None:
    stand = positions.start("group", "orders", 0, 10, "topic-1")
    log = Log(40, 50, "topic-1")
    halted = positions.halt("group", stand, log, "offsets_expired", NOW)
    positions.halt("group", stand, log, "offsets_expired", NOW)
    assert halted.halted == "offsets_expired"
    assert not positions.advance(stand, 11, NOW), "a halted partition does not move"
    gap = Gap.objects.get()
    assert (gap.from_offset, gap.to_offset) == (10, 40)

    positions.accept(gap, log, 40, "operator", NOW)
    stands = positions.load("group", ["orders"])
    assert (stands["orders", 0].offset, stands["orders", 0].halted) == (40, "")
    assert Gap.objects.get().resolution == "read on at 40, by operator"
