"""Many rows in one statement, on PostgreSQL, MariaDB/MySQL and SQLite.

The ORM costs 10–15 µs of Python for each row that it writes; a consumer that writes a dozen rows for an order feels it.
These four functions are all the hand-written SQL there is. Each works inside the caller's transaction:

- PostgreSQL: ``COPY … (FORMAT BINARY)`` for inserts, arrays bound on the server for updates and look-ups;
- MariaDB and MySQL: multi-row ``VALUES`` whose literals are written here (the driver's own ``executemany`` takes many
  times the processor time and splits at 64 KiB), text always through the connection's own escaping;
- SQLite: ``executemany``.

``insert`` has no conflict clause on purpose: a row that is there already is a race, and a race rolls back and is
decided again (``docs/decisions/0008-optimistic-inserts.rst``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import batched
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from commerce_events.bus.values import Row, column, literals, python_values, sqlite_rows, statements

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
            for values in statements(literals(connection, model, tuple(columns), rows)):
                _execute_bytes(cursor, head + values)
        else:
            marks = ",".join("?" * len(columns))
            cursor.cursor.executemany(
                f"INSERT INTO {_table(model)} ({_names(model, tuple(columns))}) VALUES ({marks})",
                sqlite_rows(rows),
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
    table, key_column = _table(model), column(model, key).column
    fields = [column(model, name) for name in columns]
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
            aliases = ",".join(f"NULL AS v{i}" for i in range(len(every)))
            for part in batched(literals(connection, model, every, rows), 200):
                values = " UNION ALL SELECT ".join([aliases, *part]).encode()
                # In this order and by this index: a small table would rather be scanned, and that waits for every
                # locked row of it, ours or not.
                _execute_bytes(cursor, b"UPDATE (SELECT %b) AS v STRAIGHT_JOIN %b AS t %b ON t.`%b` = v.v0 SET %b" % (
                    values, table.encode(), _by_index(model, key).encode(), key_column.encode(), sets.encode(),
                ))  # fmt: skip
        else:
            sets = ",".join(f'"{field.column}" = ?' for field in fields)
            cursor.cursor.executemany(
                f'UPDATE {table} SET {sets} WHERE "{key_column}" = ?',
                sqlite_rows([*row[1:], row[0]] for row in rows),
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
    order = column(model, order_by or where).column
    tail = f" AND {extra}" if extra else ""
    tail += f" ORDER BY {quote(order)}" if lock or order_by else ""
    if lock and connection.features.has_select_for_update:
        tail += " FOR UPDATE" + (" SKIP LOCKED" if skip_locked else "")
    index = _by_index(model, where) if lock and connection.vendor == "mysql" else ""
    head = (
        f"SELECT {','.join(quote(column(model, name).column) for name in columns)} FROM {_table(model)} {index} "
        f"WHERE {quote(column(model, where).column)}"
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
            listed = ",".join(literals(connection, model, (where,), [(value,) for value in wanted]))
            _execute_bytes(cursor, f"{head} IN ({listed}){tail}".encode())
            found = list(cursor.fetchall())
        else:
            for part in batched(wanted, _IN_LIST):
                marks = ",".join("?" * len(part))
                found += cursor.cursor.execute(f"{head} IN ({marks}){tail}", tuple(part)).fetchall()
    return python_values(connection, model, columns, found)


def _by_index(model: type[models.Model], name: str) -> str:
    """MySQL's hint to find rows by an indexed column; Django names the index of a unique one like its column."""
    field = column(model, name)
    composed = [found.name for found in model._meta.constraints if getattr(found, "fields", ())[:1] == (name,)]
    return f"FORCE INDEX (`{'PRIMARY' if field.primary_key else composed[0] if composed else field.column}`)"


def _connected(using: str) -> BaseDatabaseWrapper:
    connection = connections[using]
    connection.ensure_connection()
    return connection


def _table(model: type[models.Model]) -> str:
    return model._meta.db_table


def _names(model: type[models.Model], columns: tuple[str, ...]) -> str:
    quote = connections["default"].ops.quote_name
    return ",".join(quote(column(model, name).column) for name in columns)


# ------------------------------------------------------------------------------------------------------- PostgreSQL


@lru_cache(maxsize=64)
def _postgresql(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, list[str]]:
    connection = connections["default"]
    types = [_plain_type(model, name, connection) for name in columns]
    return _names(model, columns), [_COPY_TYPES.get(kind, "text") for kind in types]


def _plain_type(model: type[models.Model], name: str, connection: BaseDatabaseWrapper) -> str:
    kind = column(model, name).db_type(connection) or "text"
    kind = kind.removesuffix(" GENERATED BY DEFAULT AS IDENTITY")
    return "text" if kind.startswith("varchar") else kind


def _server_bound(connection: BaseDatabaseWrapper) -> Any:
    """A cursor that binds on the server, in binary (Django's own writes every value into the statement's text)."""
    import psycopg

    return psycopg.Cursor(connection.connection)


def _execute_bytes(cursor: Any, statement: bytes) -> None:
    cursor.cursor.cursor.execute(statement)
