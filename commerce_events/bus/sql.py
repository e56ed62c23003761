"""Many rows in one statement, on PostgreSQL, MariaDB/MySQL and SQLite.

The ORM costs 10–15 µs of Python for each row that it writes; a consumer that writes a dozen rows for an order feels it.
These four functions are all the hand-written SQL there is. Each works inside the caller's transaction:

- PostgreSQL: ``COPY … (FORMAT BINARY)`` for inserts, arrays bound on the server for updates and look-ups;
- MariaDB and MySQL: multi-row ``VALUES`` whose literals are written here (the driver's own ``executemany`` takes four
  times the processor time and splits at 64 KiB), text always through the connection's own escaping;
- SQLite: ``executemany``.

``insert`` has no conflict clause on purpose: a row that is there already is a race, and a race rolls back and is
decided again (``docs/decisions/0008-optimistic-inserts.rst``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import batched
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = Sequence[Any]

#: Bytes of one MySQL statement; the smallest ``max_allowed_packet`` among current defaults is 16 MiB.
_STATEMENT_BYTES = 2 << 20
#: Values of one IN list where there are no arrays: SQLite's oldest limit.
_IN_LIST = 900

_COPY_TYPES = {
    "bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool", "bytea": "bytea", "text": "text",
    "uuid": "uuid", "timestamp with time zone": "timestamptz", "jsonb": "jsonb", "date": "date",
}  # fmt: skip


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], using: str = "default") -> None:
    """Insert ``rows`` (values in the order of ``columns``, attribute names). Raises IntegrityError on any conflict."""
    if not rows:
        return
    connection = _connected(using)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            names, types = _postgresql(model, tuple(columns))
            with cursor.cursor.copy(f"COPY {_table(model)} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
        elif connection.vendor == "mysql":
            head = f"INSERT INTO {_table(model)} ({_names(model, tuple(columns))}) VALUES ".encode()
            for values in _statements(_row_literal(connection, model, tuple(columns)), rows):
                _execute_bytes(cursor, head + values)
        else:
            marks = ",".join("?" * len(columns))
            cursor.cursor.executemany(
                f"INSERT INTO {_table(model)} ({_names(model, tuple(columns))}) VALUES ({marks})",
                _sqlite_rows(rows),
            )


def update(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], key: str = "id", using: str = "default"
) -> None:
    """Set ``columns`` of the rows named by ``key``, which is the first value of each row.

    The caller holds the locks; rows are written in the order given. MariaDB has no UPDATE from a list of values, so
    the list becomes a derived table there.
    """
    if not rows:
        return
    connection = _connected(using)
    table, key_column = _table(model), _field(model, key).column
    fields = [_field(model, name) for name in columns]
    every = (key, *columns)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            types = [_plain_type(model, name, connection) for name in every]
            marks = ",".join(f"%b::{kind}[]" for kind in types)
            names = ",".join(f"v{i}" for i in range(len(every)))
            sets = ",".join(f'"{field.column}" = v.v{i}' for i, field in enumerate(fields, 1))
            _server_bound(connection).execute(
                f'UPDATE {table} AS t SET {sets} FROM unnest({marks}) AS v({names}) WHERE t."{key_column}" = v.v0',
                [list(values) for values in zip(*rows, strict=True)],
            )
        elif connection.vendor == "mysql":
            sets = ",".join(f"t.`{field.column}` = v.v{i}" for i, field in enumerate(fields, 1))
            literal = _row_literal(connection, model, every)
            aliases = ",".join(f"NULL AS v{i}" for i in range(len(every))).encode()
            for part in batched(rows, 200):
                values = b" UNION ALL SELECT ".join([aliases, *map(literal, part)])
                _execute_bytes(cursor, b"UPDATE %b AS t JOIN (SELECT %b) AS v ON t.`%b` = v.v0 SET %b" % (
                    table.encode(), values, key_column.encode(), sets.encode()))  # fmt: skip
        else:
            sets = ",".join(f'"{field.column}" = ?' for field in fields)
            cursor.cursor.executemany(
                f'UPDATE {table} SET {sets} WHERE "{key_column}" = ?',
                _sqlite_rows([*row[1:], row[0]] for row in rows),
            )


def select(
    model: type[models.Model],
    columns: Sequence[str],
    where: str,
    values: Iterable[Any],
    *,
    lock: bool = False,
    skip_locked: bool = False,
    order_by: str | None = None,
    extra: str = "",
    using: str = "default",
) -> list[tuple[Any, ...]]:
    """Rows whose column ``where`` is one of ``values``, as tuples of ``columns``.

    ``lock`` takes row locks in the order of ``order_by`` (by default ``where`` itself, so that two callers meet in one
    order); SQLite has none and needs none, its transactions are IMMEDIATE. ``extra`` is a constant condition in SQL.
    """
    wanted = list(values)
    if not wanted:
        return []
    connection = _connected(using)
    quote = connection.ops.quote_name
    order = _field(model, order_by or where).column
    tail = f" AND {extra}" if extra else ""
    tail += f" ORDER BY {quote(order)}" if lock or order_by else ""
    if lock and connection.features.has_select_for_update:
        tail += " FOR UPDATE" + (" SKIP LOCKED" if skip_locked else "")
    head = (
        f"SELECT {','.join(quote(_field(model, name).column) for name in columns)} FROM {_table(model)} "
        f"WHERE {quote(_field(model, where).column)}"
    )
    found: list[tuple[Any, ...]] = []
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            kind = _plain_type(model, where, connection)
            # Custom plans only, and binary results: a digest arrives as 32 bytes, not as a text to be parsed.
            bound = _server_bound(connection)
            found = bound.execute(f"{head} = ANY(%b::{kind}[]){tail}", [wanted], binary=True).fetchall()
        elif connection.vendor == "mysql":
            # One statement, because a lock order broken over several statements is no order.
            literal = _literal_of(connection, model, where)
            _execute_bytes(cursor, f"{head} IN (".encode() + b",".join(map(literal, wanted)) + f"){tail}".encode())
            found = list(cursor.fetchall())
        else:
            for part in batched(wanted, _IN_LIST):
                marks = ",".join("?" * len(part))
                found += cursor.cursor.execute(f"{head} IN ({marks}){tail}", tuple(part)).fetchall()
    return _python_values(connection, model, columns, found)


def _connected(using: str) -> BaseDatabaseWrapper:
    connection = connections[using]
    connection.ensure_connection()
    return connection


def _field(model: type[models.Model], name: str) -> Any:
    """A column of the model; ``Any``, because to the type checker it might be a relation seen from its other end."""
    return model._meta.get_field(name)


def _table(model: type[models.Model]) -> str:
    return model._meta.db_table


def _names(model: type[models.Model], columns: tuple[str, ...]) -> str:
    quote = connections["default"].ops.quote_name
    return ",".join(quote(_field(model, name).column) for name in columns)


# ------------------------------------------------------------------------------------------------------- PostgreSQL


@lru_cache(maxsize=64)
def _postgresql(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, list[str]]:
    connection = connections["default"]
    types = [_plain_type(model, name, connection) for name in columns]
    return _names(model, columns), [_COPY_TYPES.get(kind, "text") for kind in types]


def _plain_type(model: type[models.Model], name: str, connection: BaseDatabaseWrapper) -> str:
    kind = _field(model, name).db_type(connection) or "text"
    kind = kind.removesuffix(" GENERATED BY DEFAULT AS IDENTITY")
    return "text" if kind.startswith("varchar") else kind


def _server_bound(connection: BaseDatabaseWrapper) -> Any:
    """A cursor that binds on the server, in binary (Django's own writes every value into the statement's text)."""
    import psycopg

    return psycopg.Cursor(connection.connection)


# ---------------------------------------------------------------------------------------------------- MariaDB, MySQL


def _literal_of(connection: BaseDatabaseWrapper, model: type[models.Model], name: str) -> Callable[[Any], bytes]:
    """How the values of one column are written in a statement."""
    escape = connection.connection.escape_string
    kind = _field(model, name).get_internal_type()

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
    if kind in {"DateTimeField", "DateField"}:
        return moment
    if kind.endswith("IntegerField") or kind in {"BooleanField", "BigAutoField", "AutoField"}:
        return number
    if kind == "UUIDField" and not connection.features.has_native_uuid_field:
        return lambda value: b"NULL" if value is None else b"'%b'" % value.hex.encode()
    return text


def _row_literal(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: tuple[str, ...]
) -> Callable[[Row], bytes]:
    literals = [_literal_of(connection, model, name) for name in columns]
    return lambda row: b",".join([literal(value) for literal, value in zip(literals, row, strict=True)])


def _statements(literal: Callable[[Row], bytes], rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as ``(…),(…)``, cut below the size that one statement may have."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = literal(row)
        if parts and size + len(part) > _STATEMENT_BYTES:
            yield b"(" + b"),(".join(parts) + b")"
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 3
    if parts:
        yield b"(" + b"),(".join(parts) + b")"


def _execute_bytes(cursor: Any, statement: bytes) -> None:
    cursor.cursor.cursor.execute(statement)


# ------------------------------------------------------------------------------------------------------------- values


def _naive(value: datetime) -> datetime:
    """MySQL and SQLite keep no time zone: UTC, as Django writes it."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _sqlite_rows(rows: Iterable[Row]) -> Iterator[list[Any]]:
    for row in rows:
        yield [
            _naive(value).isoformat(" ") if isinstance(value, datetime)
            else value.hex if isinstance(value, uuid.UUID)
            else value
            for value in row
        ]  # fmt: skip


def _python_values(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[str], rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Undo what the driver does not: naive times, numbers for booleans, texts for UUIDs."""
    if connection.vendor == "postgresql":
        return rows
    converters: dict[int, Callable[[Any], Any]] = {}
    for i, name in enumerate(columns):
        kind = _field(model, name).get_internal_type()
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
