"""How values are written for each database, and read back: what the drivers do row by row, done once for all rows.

MariaDB and MySQL get literals, PostgreSQL gets them for a few rows (for many its driver binds in binary), SQLite what
its driver stores. MySQL and SQLite keep no time zone, so times go there in UTC and come back aware.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = Sequence[Any]

#: Bytes of one MySQL statement; the smallest ``max_allowed_packet`` among current defaults is 16 MiB.
STATEMENT_BYTES = 2 << 20


def column(model: type[models.Model], name: str) -> Any:
    """A column of the model; ``Any``, because to the type checker it might be a relation seen from its other end."""
    return model._meta.get_field(name)


# --------------------------------------------------------------------------------------------------------- literals


def literals(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: tuple[str, ...], rows: Sequence[Row]
) -> list[str]:
    """Each row as a list of literals, ``1,'text',X'00'``.

    Hardly a value ever needs escaping, and looking at each of them costs more than everything else here. So the rows
    are written as if none did, and then it is counted: if no backslash is there, and just as many quotes as were put
    there on purpose, then nothing had to be escaped. Otherwise they are written again, every text through the
    connection's own escaping.
    """
    writers = _writers(connection.vendor, model, columns, connection.features.has_native_uuid_field)
    written = [writers.plain(row) for row in rows]
    quotes = 2 * (writers.quoted * len(rows) + _given(rows, writers.optional))
    backslashes = writers.backslashes * len(rows) + _given(rows, writers.slashed)
    whole = "".join(written)
    if whole.count("\\") != backslashes or whole.count("'") != quotes:
        escape = _escape(connection)
        return [writers.escaped(row, escape) for row in rows]
    return written


def _given(rows: Sequence[Row], columns: Iterable[int]) -> int:
    """How many values of these columns are not NULL."""
    return sum(sum(row[i] is not None for row in rows) for i in columns)


def _escape(connection: BaseDatabaseWrapper) -> Callable[[str], str]:
    """How a text is escaped inside of quotes, by the driver's own word."""
    if connection.vendor == "mysql":
        escape = connection.connection.escape_string
        return lambda text: str(escape(text.encode()).decode())
    from psycopg.pq import Escaping

    escaping = Escaping(connection.connection.pgconn)
    return lambda text: bytes(escaping.escape_string(text.encode())).decode()


class _Writers(NamedTuple):
    """From a row to its literals; and what of the text is ours: always quoted columns, those that may be NULL, and the
    same of the columns with a backslash.
    """

    plain: Callable[[Row], str]
    escaped: Callable[[Row, Callable[[str], str]], str]
    quoted: int
    optional: tuple[int, ...]
    backslashes: int
    slashed: tuple[int, ...]


@lru_cache(maxsize=256)
def _writers(vendor: str, model: type[models.Model], columns: tuple[str, ...], native_uuid: bool) -> _Writers:
    parts: list[str] = []
    quoted: list[int] = []
    optional: list[int] = []
    slashed: list[tuple[int, bool]] = []
    # X'' is the empty string on MySQL; 0x alone would be a syntax error
    before, after = ('"X\'"', '"\'"') if vendor == "mysql" else ('"\'\\\\x"', '"\'"')
    for i, name in enumerate(columns):
        field = column(model, name)
        kind = field.get_internal_type()
        is_number = kind.endswith("IntegerField") or kind in {"BigAutoField", "AutoField"}
        if kind == "BooleanField":
            part = f"('TRUE' if v{i} else 'FALSE')"
        elif is_number:
            part = f"'%d' % v{i}"
        elif kind == "BinaryField":
            part = f"{before}, bytes(v{i}).hex(), {after}"
        elif kind == "DateTimeField":
            part = f"moment(v{i})"
        elif kind == "UUIDField":
            part = f'"\'", str(v{i}){"" if native_uuid else ".replace(chr(45), str())"}, "\'"'
        else:
            part = f'"\'", text(v{i}), "\'"'
        if field.null:
            part = f"*(('NULL',) if v{i} is None else ({part},))"
        parts.append(part)
        if not is_number and kind != "BooleanField":
            (optional if field.null else quoted).append(i)
            slashed += [(i, field.null)] if kind == "BinaryField" and vendor != "mysql" else []
    source = (
        f"def write(row, text):\n    {', '.join(f'v{i}' for i in range(len(columns)))}, = row\n"
        f"    return ''.join(({', COMMA, '.join(parts)},))"
    )
    names: dict[str, Any] = {"moment": _moment if vendor == "mysql" else _aware_moment, "COMMA": ","}
    exec(source.replace("text(", "("), names)  # ''.join refuses what is no text
    plain = names["write"]
    exec(source, names)
    return _Writers(
        lambda row: str(plain(row, None)), names["write"], len(quoted), tuple(optional),
        sum(not null for _, null in slashed), tuple(i for i, null in slashed if null),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _aware_moment(value: datetime) -> str:
    return f"'{value.isoformat(' ')}'"


@lru_cache(maxsize=4096)
def _moment(value: datetime) -> str:
    return f"'{_naive(value).isoformat(' ')}'"


def statements(rows: Iterable[str]) -> Iterator[bytes]:
    """Rows of literals as ``(…),(…)``, cut below the size that one statement may have."""
    parts: list[str] = []
    size = 0
    for row in rows:
        if parts and size + len(row) > STATEMENT_BYTES:
            yield f"({'),('.join(parts)})".encode()
            parts, size = [], 0
        parts.append(row)
        size += len(row) + 3
    if parts:
        yield f"({'),('.join(parts)})".encode()


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
