"""A database of a run: created and migrated once, with learners and courses; emptied of the rest before each loop."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.orders import COURSES, LEARNERS, MODES
from commerce_events.bus import sql
from consumers.fulfillment import digests
from consumers.fulfillment.reference.models import ReferenceCourse

OURS = ("commerce_events", "commerce_fulfillment", "commerce_reference", "benchmarks")


def prepare() -> None:
    """Tables, learners, courses."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    joined = datetime.now(UTC)
    with transaction.atomic():
        users: Any = get_user_model()
        columns = (
            "id", "username", "email", "password", "first_name", "last_name", "is_active", "is_staff", "is_superuser",
            "date_joined",
        )  # fmt: skip
        sql.insert(users, columns, [
            (number, f"learner{number}", "learner@example.com", "!", "", "", True, False, False, joined)
            for number in range(1, LEARNERS + 1)
        ])  # fmt: skip
        ReferenceCourse.objects.bulk_create(
            ReferenceCourse(digest=digests.of_course(key), course_key=key, modes=dict.fromkeys(MODES))
            for key in COURSES
        )


def _tables() -> list[str]:
    kept = ReferenceCourse._meta.db_table
    found = [model._meta.db_table for label in OURS for model in apps.get_app_config(label).get_models()]
    return [table for table in found if table != kept]


def empty() -> None:
    """Delete everything but learners and courses."""
    with connection.cursor() as cursor:
        quoted = [connection.ops.quote_name(table) for table in _tables()]
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(quoted)}")
        else:
            verb = "TRUNCATE TABLE" if connection.vendor == "mysql" else "DELETE FROM"
            for table in quoted:
                cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
                if cursor.fetchone():
                    cursor.execute(f"{verb} {table}")


def settle() -> None:
    """Let what a bulk load left behind be done before a loop is measured, not during it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
            cursor.execute("ANALYZE auth_user")
            cursor.execute(f"ANALYZE {ReferenceCourse._meta.db_table}")


def counts() -> dict[str, int]:
    """Rows per table, to see that two loops did the same work."""
    found = {}
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            if rows := cursor.fetchone()[0]:
                found[table] = rows
    return found


def sizes() -> dict[str, dict[str, int]]:
    """For each table of ours that is not empty: bytes of its rows and of its indexes, and rows."""
    return {table: _table(table) for table in sorted(counts())}


def _table(table: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_table_size(%s::regclass), pg_indexes_size(%s::regclass)", [table, table])
        else:
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
            cursor.execute(
                "SELECT data_length, index_length FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name = %s",
                [table],
            )
        rows, indexes = cursor.fetchone()
    return {"rows": int(rows), "indexes": int(indexes)}


def log_bytes() -> int:
    """How much the server has written to its log of changes so far: what a replica and an archive must follow."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            return int(cursor.fetchone()[0])
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_os_log_written'")
        return int(cursor.fetchone()[1])


def version() -> str:
    """The server, as it names itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SELECT version()")
        return str(cursor.fetchone()[0]).split(" on ")[0]
