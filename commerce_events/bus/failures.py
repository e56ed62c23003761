"""What a failure means for the one who met it: try again at once, later, or never."""

from __future__ import annotations

import traceback

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from commerce_events.exceptions import TransientError

#: MySQL and MariaDB: deadlock, lock wait timeout, "record has changed since last read", duplicate entry.
_MYSQL_CONFLICTS = {1213, 1205, 1020, 1062}
#: PostgreSQL: serialization_failure, deadlock_detected, lock_not_available, unique_violation.
_POSTGRESQL_CONFLICTS = {"40001", "40P01", "55P03", "23505"}
#: PostgreSQL: read_only_sql_transaction, as a server says that has become a standby.
_POSTGRESQL_OUTAGE = {"25006"}
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
    if isinstance(error, DatabaseError) and getattr(error.__cause__, "sqlstate", None) in _POSTGRESQL_OUTAGE:
        return True
    if not isinstance(error, OperationalError) or is_conflict(error) or is_schema(error):
        return False
    return not (error.args and error.args[0] in _MYSQL_STATEMENT)


def is_schema(error: BaseException) -> bool:
    """A table or column is missing: no waiting heals that, a person must migrate or install an app."""
    if getattr(error.__cause__ or error, "sqlstate", None) in _POSTGRESQL_SCHEMA:
        return True
    first = error.args[0] if error.args else None
    return first in _MYSQL_SCHEMA or str(first).startswith(("no such table", "no such column"))


def is_transient(error: BaseException) -> bool:
    """Worth trying again later. ``TransactionManagementError`` hides a database error that somebody swallowed."""
    return isinstance(error, TransientError | OperationalError | InterfaceError | TransactionManagementError)


def summary(error: BaseException) -> str:
    """An exception for a log: its class and where it was raised. Never its text, which may quote personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f"{ours[-1].name} in {ours[-1].filename.rsplit('/', 1)[-1]}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} ({where})"
