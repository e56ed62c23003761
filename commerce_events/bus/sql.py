"""Many rows in one statement, on PostgreSQL, MariaDB/MySQL and SQLite.

The ORM costs 10–15 µs of Python for each row that it writes; a consumer that writes six rows for an order feels it.
These functions are all the hand-written SQL there is. Each works inside the caller's transaction:

- PostgreSQL: ``COPY … (FORMAT BINARY)`` for inserts, arrays bound on the server for updates and look-ups;
- MariaDB and MySQL: multi-row ``VALUES`` whose literals are written in ``values`` (the driver's own ``executemany``
  takes many times the processor time and splits at 64 KiB);
- SQLite: ``executemany``;
- a few rows, on the servers: literals, several statements at once (``script``).

``insert`` has no conflict clause on purpose: a row that is there already is a race, and a race rolls back and is
decided again (``docs/decisions/0008-optimistic-inserts.rst``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import batched
from typing import Any, NamedTuple

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from commerce_events.bus import script
from commerce_events.bus.values import Row, column, literals, python_values, sqlite_rows, statements

#: Values of one IN list where there are no arrays: SQLite's oldest limit.
_IN_LIST = 900
#: Rows or values up to which PostgreSQL, too, is sent literals.
FEW = 32

_COPY_TYPES = {
    "bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool", "bytea": "bytea", "text": "text",
    "uuid": "uuid", "timestamp with time zone": "timestamptz", "jsonb": "jsonb", "date": "date",
}  # fmt: skip


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], using: str = "default") -> None:
    """Insert ``rows`` (values in the order of ``columns``, attribute names). Raises IntegrityError on any conflict."""
    if not rows:
        return
    connection = _connected(using)
    into = _into(connection.vendor, model, tuple(columns))
    if connection.vendor == "sqlite":
        with connection.wrap_database_errors, connection.cursor() as cursor:
            marks = ",".join("?" * len(columns))
            cursor.cursor.executemany(f"{into} VALUES ({marks})", sqlite_rows(rows))
    elif connection.vendor == "mysql" or len(rows) <= FEW:
        for values in statements(literals(connection, model, tuple(columns), rows)):
            script.keep(f"{into} VALUES ".encode() + values, using)
    else:
        script.flush(using)
        names, types = _postgresql(model, tuple(columns))
        statement = f"COPY {_table(model)} ({names}) FROM STDIN (FORMAT BINARY)"
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


def insert_one(model: type[models.Model], columns: Sequence[str], row: Row, using: str = "default") -> int:
    """Insert a row; the key that the database gave it."""
    connection = _connected(using)
    into = _into(connection.vendor, model, tuple(columns))
    if connection.vendor == "sqlite":
        with connection.wrap_database_errors, connection.cursor() as cursor:
            marks = ",".join("?" * len(columns))
            return int(cursor.cursor.execute(f"{into} VALUES ({marks})", next(sqlite_rows([row]))).lastrowid)
    (values,) = literals(connection, model, tuple(columns), [row])
    statement = f"{into} VALUES ({values})"
    if connection.vendor == "mysql":
        _, ((key,),) = script.ask(statement.encode(), b"SELECT LAST_INSERT_ID()", using=using)
    else:
        statement += f" RETURNING {_names(connection.vendor, model, ('pk',))}"
        (((key,),),) = script.ask(statement.encode(), using=using)
    return int(key)


def insert_owned(
    owner: type[models.Model], of_owner: tuple[Sequence[str], Row], owned: type[models.Model],
    of_owned: tuple[Sequence[str], Row], multiples: Sequence[int], using: str = "default",
) -> int:  # fmt: skip
    """Insert a row and one that belongs to it, on one way; the key that the database gave the owner.

    Arguments:
        of_owner: columns and their values.
        of_owned: the same; its first columns have no values here: each is the owner's key, times one of ``multiples``.
    """
    connection = _connected(using)
    columns, row = of_owned
    if connection.vendor == "sqlite":
        key = insert_one(owner, *of_owner, using=using)
        insert(owned, columns, [(*(key * times for times in multiples), *row)], using)
        return key
    last = "LAST_INSERT_ID()" if connection.vendor == "mysql" else "lastval()"
    keys = ",".join(f"{last}*{times:d}" for times in multiples)
    (known,) = literals(connection, owner, tuple(of_owner[0]), [of_owner[1]])
    (values,) = literals(connection, owned, tuple(columns[len(multiples) :]), [row])
    first = f"{_into(connection.vendor, owner, tuple(of_owner[0]))} VALUES ({known})".encode()
    second = f"{_into(connection.vendor, owned, tuple(columns))} VALUES ({keys},{values})".encode()
    *_, ((found,),) = script.ask(first, second, f"SELECT {last}".encode(), using=using)
    return int(found)


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
    if connection.vendor == "postgresql":
        types = _types(model, every)
        names = ",".join(f"v{i}" for i in range(len(every)))
        sets = ",".join(f'"{field.column}" = v.v{i}' for i, field in enumerate(fields, 1))
        head, tail = f"UPDATE {table} AS t SET {sets} FROM ", f' AS v({names}) WHERE t."{key_column}" = v.v0'
        if len(rows) <= FEW:
            typed = ",".join(f"NULL::{kind}" for kind in types)  # a row that says the types, and matches nothing
            (values,) = statements([typed, *literals(connection, model, every, rows)])
            script.keep(f"{head}(VALUES ".encode() + values + f"){tail}".encode(), using)
            return
        script.flush(using)
        marks = ",".join(f"%b::{kind}[]" for kind in types)
        with connection.wrap_database_errors:
            _server_bound(connection).execute(
                f"{head}unnest({marks}){tail}", [list(values) for values in zip(*rows, strict=True)]
            )
    elif connection.vendor == "mysql":
        sets = ",".join(f"t.`{field.column}` = v.v{i}" for i, field in enumerate(fields, 1))
        aliases = ",".join(f"NULL AS v{i}" for i in range(len(every)))
        for part in batched(literals(connection, model, every, rows), 200):
            values = " UNION ALL SELECT ".join([aliases, *part]).encode()
            # In this order and by this index: a small table would rather be scanned, and that waits for every
            # locked row of it, ours or not.
            script.keep(b"UPDATE (SELECT %b) AS v STRAIGHT_JOIN %b AS t %b ON t.`%b` = v.v0 SET %b" % (
                values, table.encode(), _by_index(model, key).encode(), key_column.encode(), sets.encode(),
            ), using)  # fmt: skip
    else:
        sets = ",".join(f'"{field.column}" = ?' for field in fields)
        with connection.wrap_database_errors, connection.cursor() as cursor:
            cursor.cursor.executemany(
                f'UPDATE {table} SET {sets} WHERE "{key_column}" = ?',
                sqlite_rows([*row[1:], row[0]] for row in rows),
            )


def delete(model: type[models.Model], keys: Sequence[int], using: str = "default") -> None:
    """Delete the rows with these primary keys."""
    connection = _connected(using)
    for part in batched(keys, _IN_LIST):
        listed = ",".join(f"{key:d}" for key in part)
        statement = f"DELETE FROM {_table(model)} WHERE {_names(connection.vendor, model, ('pk',))} IN ({listed})"
        if connection.vendor == "sqlite":
            with connection.wrap_database_errors, connection.cursor() as cursor:
                cursor.cursor.execute(statement)
        else:
            script.keep(statement.encode(), using)


class Query(NamedTuple):
    """Rows whose column ``where`` is one of ``values``, as tuples of ``columns``.

    ``lock`` takes row locks in the order of ``order_by`` (by default ``where`` itself, so that two callers meet in one
    order); SQLite has none and needs none, its transactions are IMMEDIATE. ``extra`` is a constant condition in SQL.
    """

    model: type[models.Model]
    columns: tuple[str, ...]
    where: str
    values: Sequence[Any]
    lock: bool = False
    skip_locked: bool = False
    order_by: str | None = None
    extra: str = ""


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
    """The rows of one :class:`Query`."""
    query = Query(model, tuple(columns), where, list(values), lock, skip_locked, order_by, extra)
    return selects(query, using=using)[0]


def selects(*queries: Query, using: str = "default") -> list[list[tuple[Any, ...]]]:
    """The rows of each query; of small ones in one go."""
    connection = _connected(using)
    together = connection.vendor == "mysql" or (
        connection.vendor == "postgresql" and all(len(query.values) <= FEW for query in queries)
    )
    asked = [query for query in queries if query.values]
    if together and asked:
        found = iter(script.ask(*(_written(connection, query) for query in asked), using=using))
    else:
        script.flush(using)
        with connection.wrap_database_errors:
            found = iter([_bound(connection, query) for query in asked])
    return [
        python_values(connection, query.model, query.columns, next(found)) if query.values else [] for query in queries
    ]


def _written(connection: BaseDatabaseWrapper, query: Query) -> bytes:
    """A query with its values as literals. One statement, because a lock order broken over several is no order."""
    head, tail = _select(connection.vendor, *query._replace(values=()))
    listed = ",".join(literals(connection, query.model, (query.where,), [(value,) for value in query.values]))
    return f"{head} IN ({listed}){tail}".encode()


def _bound(connection: BaseDatabaseWrapper, query: Query) -> list[tuple[Any, ...]]:
    head, tail = _select(connection.vendor, *query._replace(values=()))
    if connection.vendor == "postgresql":
        (kind,) = _types(query.model, (query.where,))
        # Custom plans only, and binary results: a digest arrives as 32 bytes, not as a text to be parsed.
        bound = _server_bound(connection)
        rows: list[tuple[Any, ...]] = bound.execute(
            f"{head} = ANY(%b::{kind}[]){tail}", [query.values], binary=True
        ).fetchall()
        return rows
    rows = []
    with connection.cursor() as cursor:
        for part in batched(query.values, _IN_LIST):
            marks = ",".join("?" * len(part))
            rows += cursor.cursor.execute(f"{head} IN ({marks}){tail}", tuple(part)).fetchall()
    return rows


@lru_cache(maxsize=256)
def _select(
    vendor: str, model: type[models.Model], columns: tuple[str, ...], where: str, _: tuple[()], lock: bool,
    skip_locked: bool, order_by: str | None, extra: str,
) -> tuple[str, str]:  # fmt: skip
    """What stands before the values and behind them."""
    quote = connections["default"].ops.quote_name
    tail = f" AND {extra}" if extra else ""
    tail += f" ORDER BY {quote(column(model, order_by or where).column)}" if lock or order_by else ""
    if lock and vendor != "sqlite":
        tail += " FOR UPDATE" + (" SKIP LOCKED" if skip_locked else "")
    index = _by_index(model, where) if lock and vendor == "mysql" else ""
    found = f"{_names(vendor, model, columns)} FROM {_table(model)} {index}"
    return f"SELECT {found} WHERE {quote(column(model, where).column)}", tail


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


@lru_cache(maxsize=256)
def _names(vendor: str, model: type[models.Model], columns: tuple[str, ...]) -> str:
    quote = connections["default"].ops.quote_name
    fields: list[Any] = [model._meta.pk if name == "pk" else column(model, name) for name in columns]
    return ",".join(quote(field.column) for field in fields)


@lru_cache(maxsize=256)
def _into(vendor: str, model: type[models.Model], columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {_table(model)} ({_names(vendor, model, columns)})"


# ------------------------------------------------------------------------------------------------------- PostgreSQL


@lru_cache(maxsize=64)
def _postgresql(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, list[str]]:
    return _names("postgresql", model, columns), [_COPY_TYPES.get(kind, "text") for kind in _types(model, columns)]


@lru_cache(maxsize=256)
def _types(model: type[models.Model], columns: tuple[str, ...]) -> list[str]:
    """PostgreSQL's types of these columns; texts of any length are one."""
    connection = connections["default"]
    types: list[str] = []
    for name in columns:
        kind = str(column(model, name).db_type(connection) or "text").removesuffix(" GENERATED BY DEFAULT AS IDENTITY")
        types.append("text" if kind.startswith("varchar") else kind)
    return types


def _server_bound(connection: BaseDatabaseWrapper) -> Any:
    """A cursor that binds on the server, in binary (Django's own writes every value into the statement's text)."""
    import psycopg

    return psycopg.Cursor(connection.connection)
