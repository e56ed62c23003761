"""Statements that are kept and sent together: their order, their errors, and what a rollback makes of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from commerce_events.bus import script, sql
from commerce_events.bus.intake import DEAD
from commerce_events.models import DeadLetter, OutboxBatch, Stream
from tests.engines.schema import TestDatabase

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
COLUMNS = ("id", "digest", "topic", "key", "next_n", "revision", "closed", "created_at")


def row(number: int, key: str = "k") -> tuple[object, ...]:
    return number, number.to_bytes(32, "big"), "orders", key, 1, 0, False, NOW


def keys() -> list[str]:
    return list(Stream.objects.order_by("pk").values_list("key", flat=True))


def test_what_was_kept_is_there_for_the_next_question_and_at_the_end(database: TestDatabase) -> None:
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(1, "first")])
        sql.update(Stream, ("next_n", "closed"), [(1, 7, True)])
        assert sql.select(Stream, ("key", "next_n", "closed"), "id", [1]) == [("first", 7, True)]
        sql.insert(Stream, COLUMNS, [row(2, "second"), row(3, "third")])
        sql.delete(Stream, [2])
    assert keys() == ["first", "third"]


def test_a_large_insert_comes_after_a_small_one_before_it(database: TestDatabase) -> None:
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(1)])
        sql.insert(Stream, COLUMNS, [row(i) for i in range(2, 200)])
        sql.update(Stream, ("next_n",), [(i, 9) for i in range(1, 200)])
    assert Stream.objects.filter(next_n=9).count() == 199


def test_a_conflict_is_an_integrity_error_and_nothing_stays(database: TestDatabase) -> None:
    def twice() -> None:
        with transaction.atomic(), script.gathered():
            sql.insert(Stream, COLUMNS, [row(1)])
            sql.insert(Stream, COLUMNS, [row(1)])

    with pytest.raises(IntegrityError):
        twice()
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(5, "after")])
    assert keys() == ["after"]


def test_an_error_forgets_what_was_kept(database: TestDatabase) -> None:
    def fails() -> None:
        with transaction.atomic(), script.gathered():
            sql.insert(Stream, COLUMNS, [row(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    sql.insert(Stream, COLUMNS, [row(2, "later")])
    assert keys() == ["later"]


def test_what_a_savepoint_takes_back_leaves_what_was_before_it(database: TestDatabase) -> None:
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(1, "outer")])
        with script.gathered(), transaction.atomic():
            sql.insert(Stream, COLUMNS, [row(2, "sent before the rollback")])
            assert len(sql.select(Stream, ("key",), "id", [1, 2])) == 2
            sql.insert(Stream, COLUMNS, [row(3, "never sent")])
            script.forget()
            transaction.set_rollback(True)
        with script.gathered(), transaction.atomic():
            sql.insert(Stream, COLUMNS, [row(4, "second try")])
        sql.insert(Stream, COLUMNS, [row(5, "after")])
    assert keys() == ["outer", "second try", "after"]


@pytest.mark.parametrize(
    "text", ["o'clock", "back\\slash", "'; DROP TABLE x; --", "\\'", "x' || 'y", "ü🎓", "%s %b %%"]
)
def test_every_text_is_only_text(database: TestDatabase, text: str) -> None:
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(1, text), row(2, "plain")])
    assert keys() == [text, "plain"]
    assert sql.select(Stream, ("id",), "key", [text, "'"]) == [(1,)]


def test_several_questions_are_answered_in_their_order(database: TestDatabase) -> None:
    sql.insert(Stream, COLUMNS, [row(1, "a"), row(2, "b")])
    first, none, second = sql.selects(
        sql.Query(Stream, ("key",), "id", [2]), sql.Query(Stream, ("key",), "id", []),
        sql.Query(Stream, ("id",), "digest", [row(1)[1]]),
    )  # fmt: skip
    assert (first, none, second) == ([("b",)], [], [(1,)])


def test_a_row_tells_its_new_key(database: TestDatabase) -> None:
    with transaction.atomic(), script.gathered():
        sql.insert(Stream, COLUMNS, [row(1)])
        first = sql.insert_one(OutboxBatch, ("messages", "created_at"), (3, NOW))
        second = sql.insert_one(OutboxBatch, ("messages", "created_at"), (4, NOW))
    assert second > first
    assert list(OutboxBatch.objects.order_by("pk").values_list("pk", "messages")) == [(first, 3), (second, 4)]
    assert keys() == ["k"]


def test_statements_that_are_large_together_are_not_sent_together(database: TestDatabase) -> None:
    """MariaDB refuses what is longer than 16 MiB, and would refuse it again for ever."""
    now = datetime.now(UTC)
    rows = [("t", 0, n, "undecodable", "", b"k", bytes(1 << 20), "[]", now, "open") for n in range(12)]
    with transaction.atomic(), script.gathered():
        sql.insert(DeadLetter, DEAD, rows)
    assert DeadLetter.objects.count() == 12
