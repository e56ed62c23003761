"""The gate: a new attribute with default=None passes; every other change is refused, pointed at, and explained."""
from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from commerce_events import avsc, topics
from commerce_events.contract import examples
from commerce_events.contract.compatibility import breaks

RELEASED: dict[str, Any] = json.loads(avsc.schema_text(topics.ORDER_PAID_TYPE))


def order(schema: Any) -> Any:
    return schema["fields"][0]["type"]


def learner(schema: Any) -> Any:
    return field(order(schema), "learner")["type"]


def line(schema: Any) -> Any:
    return field(order(schema), "lines")["type"]["items"]


def field(record: Any, name: str) -> Any:
    return next(it for it in record["fields"] if it["name"] == name)


def changed(change: Callable[[Any], object]) -> Any:
    schema = copy.deepcopy(RELEASED)
    change(schema)
    return schema


OPTIONAL = {"name": "note", "type": ["null", "string"], "default": None}
NEW_RECORD = {"name": "NoteData", "type": "record", "fields": [{"name": "text", "type": "string"}]}

ALLOWED: dict[str, Callable[[Any], object]] = {
    "nothing": lambda schema: None,
    "an optional field at the end": lambda schema: order(schema)["fields"].append(OPTIONAL),
    "an optional field in the middle": lambda schema: order(schema)["fields"].insert(3, OPTIONAL),
    "an optional field of a line": lambda schema: line(schema)["fields"].append(OPTIONAL),
    "an optional field of the learner": lambda schema: learner(schema)["fields"].append(OPTIONAL),
    "an optional record": lambda schema: order(schema)["fields"].append({**OPTIONAL, "type": ["null", NEW_RECORD]}),
}
FORBIDDEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "a required field": (
        lambda schema: order(schema)["fields"].append({"name": "note", "type": "string"}), "order.note: is new"),
    "a field with another default": (
        lambda schema: order(schema)["fields"].append({"name": "note", "type": "string", "default": ""}),
        "order.note: is new"),
    "a second argument": (
        lambda schema: schema["fields"].append(OPTIONAL), "note: a second argument"),
    "a removed field": (
        lambda schema: order(schema)["fields"].pop(3), "order.order_number: was removed"),
    "a removed optional field": (
        lambda schema: line(schema)["fields"].remove(field(line(schema), "sku")), "order.lines[].sku: was removed"),
    "a renamed field": (
        lambda schema: field(line(schema), "sku").update(name="code"), "order.lines[].sku: was removed"),
    "another type": (
        lambda schema: field(order(schema), "revision").update(type="string"),
        "order.revision: the type changed from long to string"),
    "a wider type": (
        lambda schema: field(order(schema), "revision").update(type="double"),
        "order.revision: the type changed from long to double"),
    "another type of an optional field": (
        lambda schema: field(line(schema), "mode").update(type=["null", "long"]),
        "order.lines[].mode: the type changed from string to long"),
    "optional made required": (
        lambda schema: field(line(schema), "mode").update(type="string"), "order.lines[].mode: was optional"),
    "required made optional": (
        lambda schema: field(order(schema), "order_number").update(type=["null", "string"], default=None),
        "order.order_number: was required"),
    "one made many": (
        lambda schema: field(order(schema), "learner").update(type={"type": "array", "items": "LearnerData"}),
        "order.learner: the type changed from LearnerData to array"),
    "a renamed record": (
        lambda schema: order(schema).update(name="PurchaseData"), "order: the name of the record changed"),
    "another namespace": (
        lambda schema: schema.update(namespace="org.example"), "the event: the namespace of the record changed"),
    "fields that change places": (
        lambda schema: order(schema)["fields"].reverse(), "order: fields changed places"),
    "a third branch": (
        lambda schema: field(line(schema), "mode").update(type=["null", "string", "long"]),
        "order.lines[].mode: the type changed"),
}  # fmt: skip


def read(body: dict[str, Any], writer: Any, reader: Any) -> Any:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, writer, body)
    out.seek(0)
    return fastavro.schemaless_reader(out, writer, reader)


@pytest.mark.parametrize("name", ALLOWED)
def test_an_optional_field_passes_and_works_in_both_directions(name: str) -> None:
    new = changed(ALLOWED[name])
    assert breaks(RELEASED, new) == []
    body = examples.valid(topics.ORDER_PAID_TYPE)
    assert read(body, RELEASED, new)["order"].get("note") is None
    assert read(body, new, RELEASED)["order"]["order_id"] == body["order"]["order_id"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_any_other_change_is_refused_and_pointed_at(name: str) -> None:
    change, pointed = FORBIDDEN[name]
    found = breaks(RELEASED, changed(change))
    assert any(line.startswith(pointed) for line in found), found


def test_every_forbidden_change_is_told_at_once() -> None:
    def many(schema: Any) -> None:
        FORBIDDEN["a required field"][0](schema)
        FORBIDDEN["another type"][0](schema)

    assert len(breaks(RELEASED, changed(many))) == 2
