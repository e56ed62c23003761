"""Tables of the event contract: event types, topics, headers, and the data dictionary."""
from __future__ import annotations

import re
import typing
from datetime import datetime
from uuid import UUID

import attr

from commerce_events import data, topics

from .rst import code, heading, note, table

#: How each type of the data classes stands on the wire.
WIRE = {str: "string", int: "long", bool: "boolean", datetime: "string, a time", UUID: "string, a UUID"}
HEADERS = {
    topics.HEADER_TYPE: "the event type; decides how the value is read",
    topics.HEADER_ID: "a UUID, new with each send",
    topics.HEADER_SOURCE: "who sent it",
    topics.HEADER_TIME: "when the event happened, as a time",
    topics.HEADER_SPEC_VERSION: "``1.0``",
    topics.HEADER_MINOR_VERSION: "``0``",
    topics.HEADER_CONTENT_TYPE: f"``{topics.CONTENT_TYPE}``",
    topics.HEADER_DATA_CONTENT_TYPE: f"``{topics.CONTENT_TYPE}``",
    topics.HEADER_SOURCE_HOST: "the sending host",
    topics.HEADER_SOURCE_LIB: "version of openedx-events at the sender",
    topics.HEADER_TRACE: "W3C trace context, passed on",
}


def event_types() -> str:
    """Every event type: its data, its topic, its meaning."""
    rows = (
        (code(row.event_type), f"{code(row.argument)}: {code(row.data_class)}", row.meaning)
        for row in topics.EVENT_TYPES.values()
    )
    return note("commerce_events/topics.py") + table(("Event type", "Data", "Meaning"), rows, "40 25 35")


def topic_table() -> str:
    """Every topic with its retention."""
    rows = (
        (
            code(topic.name), topic.holds, str(topic.partitions),
            f"{topic.retention_ms // topics.DAY_MS} days" if topic.retention_ms > 0 else "for ever",
        )
        for topic in topics.TOPICS.values()
    )  # fmt: skip
    return note("commerce_events/topics.py") + table(("Topic", "Holds", "Partitions", "Kept"), rows, "35 35 15 15")


def headers() -> str:
    """Every header, and whether it must be there."""
    declared = {getattr(topics, name) for name in dir(topics) if name.startswith("HEADER_")}
    missing = declared ^ HEADERS.keys()
    if missing:
        raise SystemExit(f"docs/from_code/contract.py and commerce_events/topics.py differ in headers: {missing}")
    rows = (
        (code(name), "yes" if name in topics.MANDATORY_HEADERS else "", meaning) for name, meaning in HEADERS.items()
    )
    return note("commerce_events/topics.py") + table(("Header", "Required", "Meaning"), rows, "30 15 55")


def data_dictionary() -> str:
    """Every field of every record, with its type on the wire."""
    text = note("commerce_events/data.py") + heading("Data dictionary", "#")
    text += (
        "Every field of every event. An optional field is ``null`` when it is absent; 0, false and empty text are\n"
        "values and stand only in required fields. Longest values: source 32, ids 128, order number, sku and course\n"
        "key 255, mode 32, e-mail 254, user name 150.\n\n"
    )
    used: dict[str, list[str]] = {}
    for row in topics.EVENT_TYPES.values():
        used.setdefault(row.data_class, []).append(row.event_type)
    for name, types in used.items():
        text += heading(name, "*") + _summary(getattr(data, name)) + "\n\n"
        text += "In " + ", ".join(code(event_type) for event_type in types) + ".\n\n"
        text += _fields(getattr(data, name))
    for name in sorted(set(_classes()) - used.keys()):
        text += heading(name, "*") + _summary(getattr(data, name)) + "\n\n" + _fields(getattr(data, name))
    return text


def _classes() -> list[str]:
    return [name for name in dir(data) if attr.has(getattr(data, name)) and name.endswith("Data")]


def _summary(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split("Attributes:")[0].split())


def _explained(cls: type) -> dict[str, str]:
    """Field → what the class's docstring says of it; one line may speak of several fields."""
    found: dict[str, str] = {}
    for names, meaning in re.findall(r"^ {8}([\w, ]+) \(.+?\): (.*(?:\n {12}.*)*)", cls.__doc__ or "", re.MULTILINE):
        for name in names.split(", "):
            found[name] = " ".join(meaning.split())
    return found


def _fields(cls: type) -> str:
    explained = _explained(cls)
    rows = []
    for field in attr.fields(cls):
        required = field.default is attr.NOTHING
        rows.append((code(field.name), _wire(field.type), "yes" if required else "", explained[field.name]))
    return table(("Field", "Type", "Required", "Meaning"), rows, "22 22 12 44")


def _wire(kind: typing.Any) -> str:
    if typing.get_origin(kind) is list:
        return f"array of {_wire(typing.get_args(kind)[0])}"
    return WIRE.get(kind) or f"record {kind.__name__}"
