"""How values are written for each database, and read back: what the drivers do row by row, done once for all rows.

PostgreSQL needs none of this, its driver binds in binary. MariaDB and MySQL get literals, SQLite what its driver
stores; both keep no time zone, so times go there in UTC and come back aware.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
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


def literals(
    connection: BaseDatabaseWrapper, model: type[models.Model], columns: tuple[str, ...], rows: Sequence[Row]
) -> list[str]:
    """Each row as a list of literals, ``1,'text',X'00'``.

    Hardly a value ever needs escaping, and looking at each of them costs more than everything else here. So the rows
    are written as if none did, and then it is counted: if no backslash is there, and just as many quotes as were put
    there on purpose, then nothing had to be escaped. Otherwise they are written again, every text through the
    connection's own escaping.
    """
    plain, escaped, quoted, optional = _writers(model, columns, connection.features.has_native_uuid_field)
    written = list(map(plain, rows))
    if written:
        on_purpose = 2 * (
            quoted * len(rows) + sum(sum(row[i] is not None for row in rows) for i in optional)
        )  # fmt: skip
        whole = "".join(written)
        if "\\" in whole or whole.count("'") != on_purpose:
            escape = connection.connection.escape_string
            return [escaped(row, lambda text: escape(text.encode()).decode()) for row in rows]
    return written


@lru_cache(maxsize=256)
def _writers(
    model: type[models.Model], columns: tuple[str, ...], native_uuid: bool
) -> tuple[Callable[[Row], str], Callable[[Row, Callable[[str], str]], str], int, tuple[int, ...]]:
    """Two functions from a row to its literals, the second of which escapes; how many columns are always quoted, and
    which are unless they are NULL.
    """
    parts, quoted, optional = [], 0, []
    for i, name in enumerate(columns):
        field = column(model, name)
        kind = field.get_internal_type()
        is_number = kind.endswith("IntegerField") or kind in {"BooleanField", "BigAutoField", "AutoField"}
        if is_number:
            part = f"'%d' % v{i}"
        elif kind == "BinaryField":
            part = f'"X\'", bytes(v{i}).hex(), "\'"'  # X'' is the empty string; 0x alone would be a syntax error
        elif kind == "DateTimeField":
            part = f"moment(v{i})"
        elif kind == "UUIDField":
            part = f'"\'", str(v{i}){"" if native_uuid else ".replace(chr(45), str())"}, "\'"'
        else:
            part = f'"\'", text(v{i}), "\'"'
        if field.null:
            part = f"*(('NULL',) if v{i} is None else ({part},))"
        if not is_number:
            if field.null:
                optional.append(i)
            else:
                quoted += 1
        parts.append(part)
    source = (
        f"def write(row, text):\n    {', '.join(f'v{i}' for i in range(len(columns)))}, = row\n"
        f"    return ''.join(({', COMMA, '.join(parts)},))"
    )
    names: dict[str, Any] = {"moment": _moment, "COMMA": ","}
    exec(source.replace("text(", "("), names)  # ''.join refuses what is no text
    plain = names["write"]
    exec(source, names)
    return lambda row: plain(row, None), names["write"], quoted, tuple(optional)


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
