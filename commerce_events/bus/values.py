"""How values are written for each database, and read back: what the drivers do row by row, done once for all rows.

PostgreSQL needs none of this, its driver binds in binary. MariaDB and MySQL get literals, SQLite what its driver
stores; both keep no time zone, so times go there in UTC and come back aware.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = Sequence[Any]

#: Bytes of one MySQL statement; the smallest ``max_allowed_packet`` among current defaults is 16 MiB.
STATEMENT_BYTES = 2 << 20


def column(model: type[models.Model], name: str) -> Any:
    """A column of the model; ``Any``, because to the type checker it might be a relation seen from its other end."""
    return model._meta.get_field(name)


# ---------------------------------------------------------------------------------------------------- MariaDB, MySQL


def literal_of(connection: BaseDatabaseWrapper, model: type[models.Model], name: str) -> Callable[[Any], bytes]:
    """How the values of one column are written in a statement."""
    escape = connection.connection.escape_string
    kind = column(model, name).get_internal_type()

    def text(value: Any) -> bytes:
        return b"NULL" if value is None else b"'%b'" % escape(str(value).encode())

    def binary(value: Any) -> bytes:
        # X'' is the empty string; 0x alone would be a syntax error
        return b"NULL" if value is None else b"X'%b'" % bytes(value).hex().encode()

    def number(value: Any) -> bytes:
        return b"NULL" if value is None else b"%d" % value

    def moment(value: datetime | None) -> bytes:
        return b"NULL" if value is None else b"'%b'" % _naive(value).isoformat(" ").encode()

    if kind == "BinaryField":
        return binary
    if kind == "DateTimeField":
        return moment
    if kind.endswith("IntegerField") or kind in {"BooleanField", "BigAutoField", "AutoField"}:
        return number
    if kind == "UUIDField" and not connection.features.has_native_uuid_field:
        return lambda value: b"NULL" if value is None else b"'%b'" % value.hex.encode()
    return text


def row_literal(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: tuple[str, ...]
) -> Callable[[Row], bytes]:
    """How a whole row is written in a statement."""
    literals = [literal_of(connection, model, name) for name in columns]
    return lambda row: b",".join([literal(value) for literal, value in zip(literals, row, strict=True)])


def statements(literal: Callable[[Row], bytes], rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as ``(…),(…)``, cut below the size that one statement may have."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = literal(row)
        if parts and size + len(part) > STATEMENT_BYTES:
            yield b"(" + b"),(".join(parts) + b")"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 3
    if parts:
        yield b"(" + b"),(".join(parts) + b")"


# ------------------------------------------------------------------------------------------------------------- values


def _naive(value: datetime) -> datetime:
    """MySQL and SQLite keep no time zone: UTC, as Django writes it."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def sqlite_rows(rows: Iterable[Row]) -> Iterator[list[Any]]:
    """Rows as the SQLite driver stores them."""
    for row in rows:
        yield [
            _naive(value).isoformat(" ") if isinstance(value, datetime)
            else value.hex if isinstance(value, uuid.UUID)
            else value
            for value in row
        ]  # fmt: skip


def python_values(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Undo what the driver does not: naive times, numbers for booleans, texts for UUIDs."""
    if connection.vendor == "postgresql":
        return rows
    converters: dict[int, Callable[[Any], Any]] = {}
    for i, name in enumerate(columns):
        kind = column(model, name).get_internal_type()
        if kind == "DateTimeField":
            converters[i] = _aware
        elif kind == "BooleanField":
            converters[i] = bool
        elif kind == "UUIDField":
            converters[i] = lambda value: value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    if not converters:
        return rows
    return [
        tuple(
            value if value is None or i not in converters else converters[i](value)
            for i, value in enumerate(row)
        )
        for row in rows
    ]  # fmt: skip


def _aware(value: datetime | str) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
