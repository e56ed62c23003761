"""Rows into a file: Parquet with declared types, NDJSON or CSV. The file has its name only when it is complete."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from commerce_events import wire
from commerce_events.exceptions import OperatorError
from consumers.analytics.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Sequence[Mapping[str, Any]]
#: Rows that are written at once, and a group of rows in Parquet.
GROUP = 20_000
STDOUT = "-"


class Format(Protocol):
    """Writes rows into an open file."""

    def write(self, rows: Rows) -> None: ...

    def close(self) -> None: ...


class Ndjson:
    """One object per line; every column stands in it, absent ones as null."""

    def __init__(self, out: IO[bytes], table: Table) -> None:
        self._out, self._names = out, [column.name for column in table.columns]

    def write(self, rows: Rows) -> None:
        for row in rows:
            line = json.dumps({name: row.get(name) for name in self._names}, ensure_ascii=False, separators=(",", ":"))
            self._out.write(line.encode() + b"\n")

    def close(self) -> None:
        pass


class Csv:
    """With a head; absent values are empty, flags are true and false, as DuckDB and Spark read them."""

    def __init__(self, out: IO[bytes], table: Table) -> None:
        self._out, self._columns = out, table.columns
        self._line([column.name for column in table.columns])

    def write(self, rows: Rows) -> None:
        for row in rows:
            self._line([self._cell(row.get(column.name)) for column in self._columns])

    def close(self) -> None:
        pass

    def _cell(self, value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    def _line(self, cells: Sequence[str]) -> None:
        csv.writer(_Encoded(self._out)).writerow(cells)


class _Encoded:
    """What the csv module writes, as bytes."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text.encode())


class Parquet:
    """Columns of declared types, a group of rows at a time; what the table is stands in the file's own metadata."""

    def __init__(self, out: IO[bytes], table: Table) -> None:
        import pyarrow.parquet as pq

        self._schema = arrow_schema(table)
        self._writer = pq.ParquetWriter(out, self._schema, compression="zstd")

    def write(self, rows: Rows) -> None:
        self._writer.write_batch(arrow_batch(self._schema, rows))

    def close(self) -> None:
        self._writer.close()


FORMATS: dict[str, Callable[[IO[bytes], Table], Format]] = {"parquet": Parquet, "ndjson": Ndjson, "csv": Csv}


def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns as Arrow has them."""
    import pyarrow as pa

    types = {"text": pa.string(), "number": pa.int64(), "flag": pa.bool_(), "time": pa.timestamp("us", "UTC")}
    columns = [pa.field(column.name, types[column.kind], column.is_optional) for column in table.columns]
    return pa.schema(columns, table.facts)


def arrow_batch(schema: pa.Schema, rows: Rows) -> pa.RecordBatch:
    """Rows as columns; times are read from their texts."""
    import pyarrow as pa

    columns = []
    for field in schema:
        name = field.name
        values = [row.get(name) for row in rows]
        if pa.types.is_timestamp(field.type):
            columns.append(pa.array(values, pa.string()).cast(field.type))
        else:
            columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class File:
    """An export on its way: under a name of its own until :meth:`keep`, and gone if that is never called.

    Arguments:
        path: where it will be; ``-`` for stdout.
        overwrite: a file that is there is replaced.

    Raises:
        OperatorError: it is there already, or cannot be made.
    """

    def __init__(self, path: str, how: str, table: Table, overwrite: bool = False) -> None:
        self._path = None if path == STDOUT else Path(path)
        self._part: Path | None = None
        if self._path is not None:
            if self._path.exists() and not overwrite:
                raise OperatorError(f"{path} exists", hint="Name another file, or say --overwrite.")
            self._part = self._path.with_name(f".{self._path.name}.part-{os.getpid()}")
        self._out = self._opened()
        self._format = FORMATS[how](self._out, table)
        self.count = 0

    def _opened(self) -> IO[bytes]:
        if self._part is None:
            return sys.stdout.buffer
        try:
            return self._part.open("xb")
        except OSError as error:
            raise OperatorError(
                f"{self._part.parent} takes no file: {error.strerror}", hint="Is the folder there, and may you write?"
            ) from None

    def write(self, rows: Rows) -> None:
        """Add rows."""
        self._format.write(rows)
        self.count += len(rows)

    def keep(self) -> None:
        """It is complete."""
        self._format.close()
        self._out.flush()
        if self._path is not None and self._part is not None:
            os.fsync(self._out.fileno())
            self._out.close()
            self._part.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._part is not None and self._part.exists():
            with suppress(Exception):  # what is thrown away need not be well formed
                self._format.close()
            self._out.close()
            self._part.unlink()


def export_bodies(bodies: Iterable[tuple[str, bytes]], table: Table, path: str, how: str = "parquet") -> int:
    """Bodies as they stand on the topic, with their event types, into a file; how many there were.

    The plain way from bytes to a file, without a broker: what the command does between the two.
    """
    rows: list[Mapping[str, Any]] = []
    with File(path, how, table, overwrite=True) as file:
        for event_type, body in bodies:
            rows.append(wire.decode(event_type, body)[table.argument])
            if len(rows) >= GROUP:
                file.write(rows)
                rows.clear()
        file.write(rows)
        file.keep()
    return file.count
