"""Rows written by our own statements come back as the ORM would have them, on every database."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from commerce_events.bus import sql
from commerce_events.models import DeadLetter, Outbox, Stream
from tests.engines.schema import TestDatabase

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
TEXTS = [
    "plain", "", " blanks around ", 'it\'s "quoted" `too`', "back\\slash \\' \\0 \\n \\", "größer 漢字 🎓",
    "%s %% %(x)s ? $1 :x",
    "line\nbreak\ttab\rreturn", "x'); DELETE FROM commerce_events_deadletter; --", "\x1a\x08",
]  # fmt: skip
DEAD = ("topic", "partition", "offset", "reason", "detail", "key", "value", "headers", "received_at", "state")


def dead(offset: int, detail: str = "", **more: Any) -> tuple[Any, ...]:
    row = {
        "topic": "t", "partition": 0, "offset": offset, "reason": "r", "detail": detail, "key": None, "value": None,
        "headers": "", "received_at": NOW, "state": "open", **more,
    }  # fmt: skip
    return tuple(row[name] for name in DEAD)


def insert(*rows: tuple[Any, ...]) -> None:
    with transaction.atomic():
        sql.insert(DeadLetter, DEAD, rows)


def stream(number: int, **more: Any) -> tuple[Any, ...]:
    row = {"id": number, "digest": bytes([number]) * 32, "topic": "t", "key": f"k{number}", "closed": False, **more}
    return (*(row[name] for name in STREAM[:5]), 1, 0, NOW)


STREAM = ("id", "digest", "topic", "key", "closed", "next_n", "revision", "created_at")


def streams(*numbers: int) -> None:
    with transaction.atomic():
        sql.insert(Stream, STREAM, [stream(number) for number in numbers])


def test_every_text_comes_back_as_it_was(database: TestDatabase) -> None:
    insert(*(dead(i, text, headers=text) for i, text in enumerate(TEXTS)))
    assert list(DeadLetter.objects.order_by("offset").values_list("detail", "headers")) == [(t, t) for t in TEXTS]
    read = sql.select(DeadLetter, ("offset", "detail"), "offset", range(len(TEXTS)), order_by="offset")
    assert read == list(enumerate(TEXTS))


def test_texts_are_found_by_what_they_are(database: TestDatabase) -> None:
    insert(*(dead(i, text) for i, text in enumerate(TEXTS)))
    for i, text in enumerate(TEXTS):
        assert (i,) in sql.select(DeadLetter, ("offset",), "detail", [text])


def test_a_nul_is_refused_or_kept_but_never_changed(database: TestDatabase) -> None:
    try:
        insert(dead(0, "a\0b"))
    except (DatabaseError, ValueError):
        assert not DeadLetter.objects.exists()
    else:
        assert DeadLetter.objects.get().detail == "a\0b"
        assert database.kind != "postgresql"


def test_binary_values_hold_every_byte_and_none_is_not_empty(database: TestDatabase) -> None:
    every = bytes(range(256))
    insert(dead(0, key=every, value=b""), dead(1, key=None, value=memoryview(every * 3)))
    rows = sql.select(DeadLetter, ("offset", "key", "value"), "offset", [0, 1], order_by="offset")
    assert [(n, k if k is None else bytes(k), bytes(v)) for n, k, v in rows] == [(0, every, b""), (1, None, every * 3)]
    assert bytes(DeadLetter.objects.get(offset=0).key or b"") == every


def test_times_keep_their_microseconds_and_their_moment(database: TestDatabase) -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    insert(dead(0, received_at=NOW), dead(1, received_at=tokyo), dead(2, received_at=NOW.replace(microsecond=0)))
    read = sql.select(DeadLetter, ("received_at",), "offset", [0, 1, 2], order_by="offset")
    assert [row[0] for row in read] == [NOW, NOW, NOW.replace(microsecond=0)]
    assert all(row[0].utcoffset() == timedelta(0) for row in read)
    assert DeadLetter.objects.filter(received_at=NOW).count() == 2


def test_bytes_and_large_numbers_come_back(database: TestDatabase) -> None:
    values = [bytes(range(256)) * 3, b"", b"\0'\\"]
    with transaction.atomic():
        sql.insert(Outbox, ("id", "batch_id", "messages", "created_at"), [
            (2**62 + i, 1, value, NOW) for i, value in enumerate(values)
        ])  # fmt: skip
    read = sql.select(Outbox, ("id", "messages"), "batch_id", [1], order_by="id")
    assert [(i, bytes(value)) for i, value in read] == [(2**62 + i, value) for i, value in enumerate(values)]
    assert [bytes(value) for value in Outbox.objects.order_by("id").values_list("messages", flat=True)] == values


def test_more_rows_than_one_statement_holds(database: TestDatabase) -> None:
    text = "x'\\🎓" * 20_000
    insert(*(dead(i, headers=text) for i in range(40)))
    assert DeadLetter.objects.filter(headers=text).count() == 40
    assert len(sql.select(DeadLetter, ("id",), "offset", range(2000))) == 40


def test_updates_change_the_rows_they_name_and_no_other(database: TestDatabase) -> None:
    streams(1, 2, 3)
    with transaction.atomic():
        rows = [(3, 7, True, "it's \\ 🎓"), (1, 9, False, ""), (99, 1, True, "?")]
        sql.update(Stream, ("next_n", "closed", "key"), rows)
    assert list(Stream.objects.order_by("id").values_list("id", "next_n", "closed", "key")) == [
        (1, 9, False, ""), (2, 1, False, "k2"), (3, 7, True, "it's \\ 🎓"),
    ]  # fmt: skip


def test_many_rows_are_updated_at_once(database: TestDatabase) -> None:
    numbers = list(range(1, 251))
    streams(*numbers)
    with transaction.atomic():
        sql.update(Stream, ("revision",), [(n, n * 2) for n in numbers])
    assert all(revision == n * 2 for n, revision in Stream.objects.values_list("id", "revision"))


def test_digests_are_found_and_booleans_are_booleans(database: TestDatabase) -> None:
    streams(1, 2, 250)
    wanted: Sequence[bytes] = [bytes([2]) * 32, bytes([250]) * 32, bytes(32)]
    read = sorted(sql.select(Stream, ("id", "digest", "closed"), "digest", wanted))
    assert read == [(2, wanted[0], False), (250, wanted[1], False)]
    assert all(type(row[1]) is bytes and row[2] is False for row in read)


def test_nothing_asked_is_nothing_done(database: TestDatabase) -> None:
    sql.insert(Stream, STREAM, [])
    sql.update(Stream, ("revision",), [])
    assert sql.select(Stream, ("id",), "id", []) == []


def test_a_conflict_is_an_integrity_error_and_leaves_nothing(database: TestDatabase) -> None:
    streams(1)
    with pytest.raises(IntegrityError):
        streams(2, 1)
    assert list(Stream.objects.values_list("id", flat=True)) == [1]


def test_more_values_than_an_old_sqlite_takes_and_a_condition(database: TestDatabase) -> None:
    streams(1, 2, 3)
    Stream.objects.filter(pk=2).update(revision=5)
    with transaction.atomic():
        found = sql.select(Stream, ("id",), "id", range(3000), lock=True, skip_locked=True, extra="revision = 0")
    assert [row[0] for row in found] == [1, 3]
