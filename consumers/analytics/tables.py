"""Which tables can be exported, and their columns: derived from the contract's schemas, and from nothing that is read.

A column has its type although every value of it may be absent, so files of different days fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import attr

from commerce_events import avsc, data, topics

Kind = Literal["text", "number", "flag", "time"]
_KINDS: dict[str, Kind] = {"string": "text", "long": "number", "boolean": "flag"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``is_optional``: values of it may be absent."""

    name: str
    kind: Kind
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Table:
    """What is exported together.

    Attributes:
        argument: of the events, below which their fields stand.
        event_types: those that have them.
        dedupe_key: the column by which what was sent twice is recognised.
        event_time: the column that says when it happened.
    """

    name: str
    argument: str
    event_types: frozenset[str]
    dedupe_key: str
    event_time: str
    columns: tuple[Column, ...]

    @property
    def facts(self) -> dict[str, str]:
        """What a reader of the file should know of it."""
        return {"table": self.name, "dedupe_key": self.dedupe_key, "event_time": self.event_time}


def _table(name: str, argument: str, dedupe_key: str, event_time: str) -> Table:
    rows = {event_type: row for event_type, row in topics.EVENT_TYPES.items() if row.argument == argument}
    event_type, row = next(iter(rows.items()))
    times = {field.name for field in attr.fields(getattr(data, row.data_class)) if field.type is datetime}
    fields = avsc.schema(event_type)["fields"][0]["type"]["fields"]
    columns = tuple(_column(field, times) for field in fields)
    return Table(name, argument, frozenset(rows), dedupe_key, event_time, columns)


def _column(field: Mapping[str, Any], times: set[str]) -> Column:
    kind = field["type"]
    is_optional = isinstance(kind, list)
    plain = _KINDS[kind[1] if is_optional else kind]
    return Column(field["name"], "time" if field["name"] in times else plain, is_optional)


TABLES = {
    table.name: table
    for table in (
        _table("results", "fulfillment", "result_id", "decided_at"),
        _table("refund-requests", "refund_request", "request_id", "requested_at"),
    )
}
