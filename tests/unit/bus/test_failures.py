"""What each database says of a meeting of transactions is understood as that, and nothing else is."""
from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import (
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.utils import timezone

from commerce_events.bus.conf import bus_settings
from commerce_events.bus.failures import is_conflict, is_outage, is_transient, summary
from commerce_events.bus.run import Options, Run
from commerce_events.exceptions import PermanentError, TransientError
from commerce_events.models import Lease
from tests.engines.schema import TestDatabase


def deadlock() -> list[Error]:
    """Two transactions lock two rows in opposite orders; the errors of those that lost."""
    for name in "ab":
        Lease.objects.create(name=name, expires_at=timezone.now())
    both, errors = threading.Barrier(2, timeout=20), []

    def lock(first: str, second: str) -> None:
        try:
            with transaction.atomic():
                Lease.objects.filter(name=first).update(term=1)
                both.wait()
                Lease.objects.filter(name=second).update(term=2)
        except Error as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=lock, args=names) for names in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_a_deadlock_on_postgresql_is_a_conflict(postgresql: TestDatabase) -> None:
    (error,) = deadlock()
    assert is_conflict(error) and not is_outage(error)


def test_a_deadlock_on_mariadb_is_a_conflict(mariadb: TestDatabase) -> None:
    (error,) = deadlock()
    assert is_conflict(error) and not is_outage(error)


def test_a_row_that_is_there_already_is_a_conflict(database: TestDatabase) -> None:
    Lease.objects.create(name="a", expires_at=timezone.now())
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        Lease.objects.create(name="a", expires_at=timezone.now())
    assert is_conflict(raised.value)


def test_a_missing_value_is_no_conflict(database: TestDatabase) -> None:
    with pytest.raises((IntegrityError, OperationalError)) as raised, transaction.atomic():
        Lease.objects.create(name="a", expires_at=None)
    assert not is_conflict(raised.value)


@pytest.mark.parametrize(
    ("error", "conflict", "outage", "transient"),
    [
        (OperationalError(2006, "Server has gone away"), False, True, True),
        (InterfaceError("connection already closed"), False, True, True),
        (OperationalError("database is locked"), True, False, True),
        (OperationalError(1205, "Lock wait timeout exceeded"), True, False, True),
        (OperationalError("the connection is closed"), False, True, True),
        (OperationalError(1366, "Incorrect string value"), False, False, True),
        (OperationalError(1644, "a trigger says no"), False, False, True),
        (TransientError("the LMS does not answer"), False, False, True),
        (PermanentError("no such course"), False, False, False),
        (ProgrammingError("no such table"), False, False, False),
        (OperationalError("no such table: a"), False, False, True),
        (OperationalError("no such column: b"), False, False, True),
        (OperationalError(1054, "Unknown column 'b' in 'SELECT'"), False, False, True),
        (KeyError("x"), False, False, False),
    ],
)
def test_who_must_act(error: Exception, conflict: bool, outage: bool, transient: bool) -> None:
    assert (is_conflict(error), is_outage(error), is_transient(error)) == (conflict, outage, transient)


def test_a_postgresql_that_takes_no_writes_is_an_outage(postgresql: TestDatabase) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(InternalError) as raised:
            Lease.objects.create(name="a", expires_at=timezone.now())
    assert is_outage(raised.value) and not is_conflict(raised.value)


#: PostgreSQL: resources, the operator, the system. Full disks and memory, shutdowns, files that cannot be read.
OUTAGES = (
    "53000", "53100", "53200", "53300", "53400", "57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05",
    "58000", "58030", "58P01", "58P02",
)  # fmt: skip


def test_a_postgresql_that_is_full_ends_or_cannot_use_its_files_is_an_outage(postgresql: TestDatabase) -> None:
    for code in OUTAGES:
        with pytest.raises(Error) as raised, connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")
        error = raised.value
        assert (is_outage(error), is_transient(error), is_conflict(error)) == (True, True, False), code


#: The code, how bad it is, where in the server it was raised, and whether it is an outage.
SAID = (
    ("XX000", "PANIC", "xlog.c", True),  # could not write to log file: Disk quota exceeded
    ("XX000", "ERROR", "md.c", True),  # could not extend file: Disk quota exceeded
    ("XX000", "ERROR", "buffile.c", True),  # could not write to file of pgsql_tmp
    ("42501", "PANIC", "xlog.c", True),  # could not write to log file: Read-only file system
    ("42501", "ERROR", "md.c", True),
    ("53100", "PANIC", "xlog.c", True),
    ("42501", "ERROR", "aclchk.c", False),  # permission denied for table
    ("XX000", "ERROR", "mcxt.c", False),  # invalid memory alloc request size
    ("XX001", "ERROR", "bufpage.c", False),
)


def test_what_postgresql_cannot_write_is_an_outage_whatever_its_code(postgresql: TestDatabase) -> None:
    for code, severity, file, outage in SAID:
        error = postgresql_error(code, severity, file)
        found = is_outage(error), is_transient(error), is_conflict(error)
        assert found == (outage, outage, False), (code, severity, file)


def postgresql_error(code: str, severity: str, file: str) -> Error:
    """As Django hands over what the server says."""
    from psycopg import errors
    from psycopg.pq import DiagnosticField

    said = {
        DiagnosticField.SQLSTATE: code, DiagnosticField.SEVERITY_NONLOCALIZED: severity,
        DiagnosticField.SOURCE_FILE: file,
    }  # fmt: skip
    with pytest.raises(Error) as raised, connection.wrap_database_errors:
        raise errors.lookup(code)("no", info={field: text.encode() for field, text in said.items()})
    return raised.value


def test_a_session_that_postgresql_ended_while_we_stood_still_is_an_outage(postgresql: TestDatabase) -> None:
    with suppress(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        time.sleep(0.3)
        with pytest.raises(InternalError) as raised:
            cursor.execute("SELECT 1")
    assert is_outage(raised.value)


def test_a_database_error_that_somebody_swallowed_is_worth_another_try(postgresql: TestDatabase) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(Error):
            cursor.execute("SELECT 1 / 0")
        with pytest.raises(InternalError) as raised:
            cursor.execute("SELECT 1")
    assert is_transient(raised.value) and not is_outage(raised.value)


#: MariaDB: error writing file, disk full (two of them), error from the engine, table full, error during COMMIT,
#: out of resources, read only (two).
NUMBERS = (3, 20, 1021, 1030, 1114, 1180, 1041, 1290, 1836)


def test_a_mariadb_that_is_full_or_takes_no_writes_is_an_outage(mariadb: TestDatabase) -> None:
    for number in NUMBERS:
        with pytest.raises(Error) as raised, connection.cursor() as cursor:
            cursor.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'no'")
        error = raised.value
        assert (is_outage(error), is_transient(error), is_conflict(error)) == (True, True, False), number


@pytest.mark.parametrize(
    ("error", "says", "suspicious"),
    [
        (OperationalError(1213, "Deadlock found"), "other transactions are in the way", False),
        (OperationalError(1205, "Lock wait timeout exceeded"), "other transactions are in the way", False),
        (OperationalError(2006, "Server has gone away"), "the database does not answer", True),
    ],
)
def test_whoever_loses_every_try_waits_and_does_not_end(
    error: Exception, says: str, suspicious: bool, database: TestDatabase, tmp_path: Path
) -> None:
    run = Run(bus_settings(HEALTH_FILE=str(tmp_path / "health")), {}, Options(frozenset({"intake"})))
    run.away("intake", error)
    assert run.suspicious.is_set() is suspicious
    assert (tmp_path / "health").read_text().startswith(f"intake waits: {says}")


class Asking:
    """A guard that keeps what the health file said while it was asking, and may fail."""

    def __init__(self, file: Path, error: Exception | None) -> None:
        self.file, self.error, self.said = file, error, ""

    def check(self) -> bool:
        self.said = self.file.read_text()
        if self.error is not None:
            raise self.error
        return False


def test_no_stage_is_healthy_while_nobody_knows_whether_the_database_is_another_one(
    database: TestDatabase, tmp_path: Path
) -> None:
    """The others stand still behind the one that asks, and had made their rounds just before."""
    file = tmp_path / "health"
    run = Run(bus_settings(HEALTH_FILE=str(file)), {}, Options(frozenset({"intake", "relay"})))
    run.health.beat("intake")
    assert file.read_text() == "ok\n"
    run.suspicious.set()
    run.guard = asking = Asking(file, TransientError("Kafka does not answer"))  # type: ignore[assignment]
    with pytest.raises(TransientError):
        run.trust()
    assert asking.said.startswith("guard waits: ") and not file.read_text().startswith("ok")
    asking.error = None
    run.trust()
    assert asking.said.startswith("guard waits: ") and file.read_text() == "ok\n"


def test_a_row_that_is_there_already_is_not_waited_for(database: TestDatabase) -> None:
    run = Run(bus_settings(), {}, Options(frozenset({"intake"})))
    with pytest.raises(IntegrityError):
        run.away("intake", IntegrityError(1062, "Duplicate entry"))


def test_a_summary_says_where_and_never_what() -> None:
    def fail(value: Any) -> None:
        raise ValueError(value)

    with pytest.raises(ValueError, match="learner") as raised:
        fail("learner@example.com")
    said = summary(raised.value)
    assert "ValueError" in said and "fail in test_failures.py" in said
    assert "learner" not in said
