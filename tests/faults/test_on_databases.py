"""A database that is frozen comes to life again."""
from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from consumers.fulfillment.reference.models import ReferenceCourse
from tests.engines.schema import TestDatabase
from tests.faults.on_databases import _FROZEN, _freeze
from tests.proof.steady import eventually

TABLE = ReferenceCourse._meta.db_table


def begun() -> BaseDatabaseWrapper:
    """A session with a transaction, which waits for nothing for very long."""
    session = connections.create_connection("default")
    session.set_autocommit(False)
    with session.cursor() as cursor:
        cursor.execute("SET lock_wait_timeout = 15, innodb_lock_wait_timeout = 15")
    return session


def ended(session: BaseDatabaseWrapper) -> None:
    session.rollback()
    session.close()


def changes(session: BaseDatabaseWrapper, key: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET modes = '{{}}' WHERE course_key = %s", [key])


def waits(statement: str) -> bool:
    """Whether somebody is at it just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.processlist WHERE id <> connection_id() AND info LIKE %s",
            [f"{statement}%"],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("how", _FROZEN, ids=lambda how: how[0])
def test_who_freezes_mariadb_closes_no_circle_that_lasts(how: tuple[str, str], mariadb: TestDatabase) -> None:
    for key in "ab":
        ReferenceCourse.objects.create(course_key=key, modes={})
    freeze, melt = how
    said: list[Any] = []

    def begins() -> None:
        """Wants a row that the other holds."""
        session = begun()
        try:
            changes(session, "a")
        finally:
            ended(session)
        said.append("done")

    def freezes() -> None:
        session = connections["default"]
        try:
            said.append(_freeze(freeze, 10))
        finally:
            with session.cursor() as cursor:
                cursor.execute(melt)
            session.close()

    holder, began = begun(), time.monotonic()
    changes(holder, "a")
    threads = [threading.Thread(target=each) for each in (begins, freezes)]
    for thread, statement in zip(threads, ("UPDATE", freeze), strict=True):
        thread.start()
        eventually(lambda statement=statement: waits(statement), f"{statement} waits", 10)
    try:
        changes(holder, "b")  # waits for the one who freezes, who waits for the other, who waits for us
    finally:
        ended(holder)
    for thread in threads:
        thread.join(30)
    assert len(said) == 2 and "done" in said
    said.remove("done")
    assert said > [1], "the circle was closed, and opened again"
    assert time.monotonic() - began < 12, "a limit has ended it, and nobody gave way"
