"""What a failure means for the one who met it: try again at once, later, or never."""

from __future__ import annotations

import traceback

from django.db import DatabaseError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.db.transaction import TransactionManagementError

from commerce_events.exceptions import TransientError

#: MySQL and MariaDB: deadlock, lock wait timeout, "record has changed since last read", duplicate entry.
_MYSQL_CONFLICTS = {1213, 1205, 1020, 1062}
#: PostgreSQL: serialization_failure, deadlock_detected, lock_not_available, unique_violation.
_POSTGRESQL_CONFLICTS = {"40001", "40P01", "55P03", "23505"}
#: PostgreSQL: read_only_sql_transaction, as a server says that has become a standby.
_POSTGRESQL_OUTAGE = {"25006"}
#: PostgreSQL: with these the session is over, whatever the code. A disk that is full while the log is written is a
#: PANIC of the code that the operating system's error has: none of its own for a quota, "insufficient privilege" for a
#: file system that has become read-only.
_POSTGRESQL_ENDED = {"FATAL", "PANIC"}
#: PostgreSQL: where it writes tables, the log, the states of transactions and temporary files. Its own files are no
#: statement's fault.
_POSTGRESQL_FILES = {"md.c", "xlog.c", "slru.c", "fd.c", "buffile.c"}
#: PostgreSQL: in_failed_sql_transaction, which hides a database error that somebody swallowed.
_POSTGRESQL_SWALLOWED = {"25P02"}
#: MySQL and MariaDB: what is below is the server's trouble with its files ("Error writing file", "Disk is full"), and
#: not called operational.
_MYSQL_FIRST = 1000
#: MySQL and MariaDB call these operational too: no default, incorrect string value, illegal mix of collations,
#: incorrect value, a trigger's SIGNAL, a constraint. They are the row's fault, and the next one gets through.
_MYSQL_STATEMENT = {1364, 1366, 1267, 1292, 1644, 3140, 3819, 4025}
#: MySQL and MariaDB: no such table, unknown column.
_MYSQL_SCHEMA = {1146, 1054}
#: PostgreSQL: undefined_table, undefined_column.
_POSTGRESQL_SCHEMA = {"42P01", "42703"}


def is_conflict(error: BaseException) -> bool:
    """Two transactions met: rolled back and tried again at once, this one will get through."""
    if not isinstance(error, IntegrityError | OperationalError):
        return False
    if getattr(error.__cause__ or error, "sqlstate", None) in _POSTGRESQL_CONFLICTS:
        return True
    first = error.args[0] if error.args else None
    return first in _MYSQL_CONFLICTS or str(first).startswith(("UNIQUE constraint failed", "database is locked"))


def is_outage(error: BaseException) -> bool:
    """The database itself is away: not the fault of the row that was being worked on."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError) or is_conflict(error) or is_schema(error):
        return False
    if not isinstance(error, OperationalError):
        return _is_the_servers(error)
    return not (error.args and error.args[0] in _MYSQL_STATEMENT)


def _is_the_servers(error: DatabaseError) -> bool:
    """Away, though it is not called operational."""
    said = getattr(error.__cause__, "diag", None)  # psycopg's, as the server said it
    if said is not None:
        ended = said.severity_nonlocalized in _POSTGRESQL_ENDED or said.source_file in _POSTGRESQL_FILES
        return ended or said.sqlstate in _POSTGRESQL_OUTAGE
    first = error.args[0] if error.args else None
    return isinstance(error, InternalError) and isinstance(first, int) and 0 < first < _MYSQL_FIRST


def is_schema(error: BaseException) -> bool:
    """A table or column is missing: no waiting heals that, a person must migrate or install an app."""
    if getattr(error.__cause__ or error, "sqlstate", None) in _POSTGRESQL_SCHEMA:
        return True
    first = error.args[0] if error.args else None
    return first in _MYSQL_SCHEMA or str(first).startswith(("no such table", "no such column"))


def is_transient(error: BaseException) -> bool:
    """Worth trying again later. ``TransactionManagementError`` hides a database error that somebody swallowed."""
    if isinstance(error, TransientError | OperationalError | TransactionManagementError) or is_outage(error):
        return True
    return getattr(error.__cause__, "sqlstate", None) in _POSTGRESQL_SWALLOWED


def summary(error: BaseException) -> str:
    """An exception for a log: its class and where it was raised. Never its text, which may quote personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f"{ours[-1].name} in {ours[-1].filename.rsplit('/', 1)[-1]}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} ({where})"
