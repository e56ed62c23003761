"""From a data class to an Avro schema: what openedx-events would make of the same signal, without Django.

A test compares both, so that a difference in a later release of openedx-events is seen before it is shipped.
"""
from __future__ import annotations

import json
from datetime import datetime
from typing import Any, get_args, get_origin
from uuid import UUID

import attr

from commerce_events import data, topics

_SIMPLE: dict[Any, str] = {
    bool: "boolean", int: "long", float: "double", str: "string", datetime: "string", UUID: "string",
}  # fmt: skip


def schema(event_type: str) -> dict[str, Any]:
    """The schema of an event type, as plain JSON data."""
    row = topics.EVENT_TYPES[event_type]
    return {
        "name": "CloudEvent",
        "type": "record",
        "doc": "Avro Event Format for CloudEvents created with openedx_events/schema",
        "fields": [_field(row.argument, getattr(data, row.data_class), set())],
        "namespace": event_type,
    }


def schema_file(event_type: str) -> str:
    """The content of an ``.avsc`` file: the schema for people to read."""
    return pretty(schema(event_type))


def pretty(document: Any) -> str:
    """JSON with two blanks of indentation, in the order in which it was built."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _field(name: str, kind: Any, seen: set[str], optional: bool = False) -> dict[str, Any]:
    made = _type(kind, seen)
    return {"name": name, "type": ["null", made], "default": None} if optional else {"name": name, "type": made}


def _type(kind: Any, seen: set[str]) -> Any:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if get_origin(kind) is list:
        return {"type": "array", "items": _type(get_args(kind)[0], seen)}
    if not attr.has(kind):
        raise TypeError(f"{kind} cannot stand in an event: see the type system in commerce_events/data.py")
    if kind.__name__ in seen:
        return kind.__name__  # a record is defined where it is first met
    seen.add(kind.__name__)
    fields = [_field(field.name, field.type, seen, field.default is None) for field in attr.fields(kind)]
    return {"name": kind.__name__, "type": "record", "fields": fields}
