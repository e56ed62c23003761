"""What a failure means for the one who met it: try again at once, later, or never."""
from __future__ import annotations

import traceback

from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from commerce_events.exceptions import TransientError

#: MySQL and MariaDB: deadlock, lock wait timeout, "record has changed since last read".
_MYSQL_CONFLICTS = {1213, 1205, 1020}
#: PostgreSQL: serialization_failure, deadlock_detected, lock_not_available.
_POSTGRESQL_CONFLICTS = {"40001", "40P01", "55P03"}


def is_conflict(error: BaseException) -> bool:
    """Two transactions met: rolled back and tried again at once, this one will get through."""
    if isinstance(error, IntegrityError):
        return True
    cause = error.__cause__ or error
    code = getattr(cause, "sqlstate", None)
    if code in _POSTGRESQL_CONFLICTS:
        return True
    return isinstance(error, OperationalError) and bool(error.args) and error.args[0] in _MYSQL_CONFLICTS


def is_outage(error: BaseException) -> bool:
    """The database itself is away: not the fault of the row that was being worked on."""
    if isinstance(error, InterfaceError):
        return True
    return isinstance(error, OperationalError) and not is_conflict(error)


def is_transient(error: BaseException) -> bool:
    """Worth trying again later. ``TransactionManagementError`` hides a database error that somebody swallowed."""
    return isinstance(error, TransientError | OperationalError | InterfaceError | TransactionManagementError)


def summary(error: BaseException) -> str:
    """An exception for a log: its class and where it was raised. Never its text, which may quote personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].name} in {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} ({where})"
