"""A writer's schema is hostile until it was looked at."""
from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from commerce_events import avsc, topics, wire
from commerce_events.exceptions import ContractError
from commerce_events.topics import ORDER_PAID_TYPE
from commerce_events.writers import MAX_DEPTH, MAX_TEXT, accept_writer

from .bodies import ORDER
from .test_wire import written

FOREIGN = "org.openedx.learning.course.enrollment.created.v1"


def record(name: str, *fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [
        {"name": f"f{i}", "type": field} for i, field in enumerate(fields)
    ]}  # fmt: skip


def refusal(schema: Any, event_type: str = FOREIGN) -> str:
    with pytest.raises(ContractError) as caught:
        accept_writer(event_type, schema if isinstance(schema, str) else json.dumps(schema))
    return str(caught.value)


def nested(depth: int) -> dict[str, Any]:
    inner = record(f"R{depth}", "string")
    for i in reversed(range(depth)):
        inner = record(f"R{i}", inner)
    return inner


def doubling(levels: int) -> dict[str, Any]:
    """Each level names the one below twice: 2 ** levels values from a few lines."""
    inner: Any = record("R0", "null")
    for i in range(1, levels):
        inner = record(f"R{i}", inner, f"R{i - 1}")
    return inner


def chain(length: int) -> dict[str, Any]:
    """Shallow as a text, deep as a value: each record names the one before."""
    return record("Chain", record("R0", "string"), *(record(f"R{i}", f"R{i - 1}") for i in range(1, length)))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (record("A", {"type": "array", "items": "null"}), "next to no bytes"),
        (record("A", {"type": "array", "items": record("B", "null", "null")}), "next to no bytes"),
        (record("A", {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}), "next to no bytes"),
        (record("A", {"type": "array", "items": record("B", "boolean", *["null"] * 50)}), "next to no bytes"),
        (record("A", record("B", "null"), {"type": "array", "items": "B"}), "next to no bytes"),
        (record("A", {"type": "map", "values": record("B", *["null"] * 50)}), "next to no bytes"),
        (record("A", ["null", "A"]), "recursive"),
        (record("A", {"type": "array", "items": "A"}), "recursive"),
        (record("A", record("B", {"type": "map", "values": "A"})), "recursive"),
        (doubling(30), "values in one message"),
        (record("A", *["null"] * 5000), "values in one message"),
        (nested(MAX_DEPTH), "deep"),
        (chain(MAX_DEPTH + 5), "deep"),
        ("[" * 100_000, "parsed|deeply"),
        ('{"type":' * 50_000 + '"string"' + "}" * 50_000, "longer|deeply"),
        ('{"type":' * 10_000 + '"string"' + "}" * 10_000, "deeply|parsed"),
        ('"' + "x" * MAX_TEXT + '"', "longer than"),
        ("no json", "cannot be parsed"),
        ("{}", "cannot be parsed"),
        ("17", "cannot be parsed"),
        ("null", "cannot be parsed"),
        ({**record("A", "B"), "__fastavro_parsed": True, "__named_schemas": {"B": "null"}}, "cannot be parsed"),
        ('{"type": "record", "name": "A", "fields": [{"name": "a", "type": "Unknown"}]}', "cannot be parsed"),
        ('{"type": "record", "name": "A", "fields": 7}', "cannot be parsed"),
        ('"string"', "no record|cannot be parsed"),
        ('["null", "string"]', "no record|cannot be parsed"),
        (record("A", "bytes"), "fields of bytes"),
        (record("A", {"type": "fixed", "name": "F", "size": 10**9}), "fields of bytes"),
    ],
    ids=range(28),
)
def test_a_hostile_schema_is_refused(schema: Any, why: str) -> None:
    message = refusal(schema)
    assert any(part in message for part in why.split("|")), message


def test_measuring_a_hostile_schema_costs_little() -> None:
    tracemalloc.start()
    try:
        for schema in (doubling(60), record("A", {"type": "array", "items": "null"}), nested(200)):
            refusal(schema)
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()


def test_five_bytes_do_not_become_200_megabytes() -> None:
    """What the refusal is for: fastavro alone would make a hundred million nulls of this."""
    body = bytes([0x80, 0x84, 0xAF, 0x5F, 0])  # a block of 100 million items, then the end
    assert len(body) == 5
    assert "next to no bytes" in refusal(record("CloudEvent", {"type": "array", "items": "null"}), ORDER_PAID_TYPE)
    harmless = accept_writer(FOREIGN, json.dumps(record("A", {"type": "array", "items": "string"})))
    tracemalloc.start()
    try:
        with pytest.raises(ContractError):
            wire.decode(FOREIGN, body, harmless)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
def test_our_own_schema_is_known_whatever_its_blanks_and_order_of_keys(event_type: str) -> None:
    text = wire.schema_text(event_type)
    assert accept_writer(event_type, text) is wire.schema(event_type)
    turned = json.dumps(json.loads(text), indent=4)[:-1] + "\n}"
    assert accept_writer(event_type, turned) is wire.schema(event_type)


@pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
def test_every_released_schema_is_taken_at_its_word(event_type: str) -> None:
    assert avsc.released(event_type)
    for text in avsc.released(event_type):
        assert accept_writer(event_type, text)["name"] == f"{event_type}.CloudEvent"


def order_schema(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> str:
    """The order schema after a change of (order record, line record)."""
    raw = json.loads(wire.schema_text(ORDER_PAID_TYPE))
    order = raw["fields"][0]["type"]
    line = next(field for field in order["fields"] if field["name"] == "lines")["type"]["items"]
    change(order, line)
    return json.dumps(raw)


def drop(of: dict[str, Any], name: str) -> None:
    of["fields"] = [field for field in of["fields"] if field["name"] != name]


def retype(of: dict[str, Any], name: str, kind: Any) -> None:
    field = next(field for field in of["fields"] if field["name"] == name)
    field["type"] = kind
    if "null" not in kind:
        field.pop("default", None)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda order, line: drop(order, "order_key"), "order.order_key"),
        (lambda order, line: drop(line, "quantity"), "order.lines[].quantity"),
        (lambda order, line: retype(line, "quantity", "double"), "order.lines[].quantity"),
        (lambda order, line: retype(line, "quantity", ["null", "long"]), "order.lines[].quantity"),
        (lambda order, line: retype(order, "is_test", "string"), "order.is_test"),
        (lambda order, line: retype(order, "lines", "string"), "order.lines"),
        (lambda order, line: retype(order, "lines", {"type": "map", "values": "string"}), "order.lines"),
        (lambda order, line: line.update(name="Line"), "order.lines[]"),
        (lambda order, line: order.update(name="Order"), "order"),
    ],
)
def test_a_schema_that_ours_cannot_read_is_refused_where_it_differs(change: Any, path: str) -> None:
    with pytest.raises(ContractError) as caught:
        accept_writer(ORDER_PAID_TYPE, order_schema(change))
    assert caught.value.path == path
    assert ORDER_PAID_TYPE in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda order, line: drop(line, "beneficiary"),
        lambda order, line: drop(order["fields"][9]["type"], "store_customer_id"),
        lambda order, line: retype(line, "sku", "null"),
        lambda order, line: retype(line, "mode", "string"),
        lambda order, line: retype(line, "quantity", "int"),
        lambda order, line: retype(order, "revision", {"type": "long", "logicalType": "timestamp-micros"}),
        lambda order, line: order["fields"].insert(0, {"name": "new", "type": ["null", "string"], "default": None}),
        lambda order, line: order["fields"].append({"name": "total", "type": "double"}),
        lambda order, line: order["fields"].insert(0, order["fields"].pop(4)),
        lambda order, line: line.update(doc="one line"),
    ],
    ids=range(10),
)
def test_a_schema_that_ours_can_read_is_read(change: Any) -> None:
    """An earlier release, a later one, and a store's own: fields are found by name, and what is absent is null."""
    writer = accept_writer(ORDER_PAID_TYPE, order_schema(change))
    body = {"order": {**ORDER["order"], "total": 1.5}}
    body["order"]["lines"] = [{**line, "sku": None} for line in body["order"]["lines"]]
    decoded = wire.decode(ORDER_PAID_TYPE, written(fastavro.parse_schema(writer), body), writer)
    assert decoded == ORDER


def test_logical_types_are_taken_off_so_that_content_stays_what_was_written() -> None:
    field = {"type": "string", "logicalType": "uuid"}
    writer = accept_writer(FOREIGN, json.dumps(record("A", field)))
    assert wire.decode(FOREIGN, b"\x02x", writer) == {"f0": "x"}


def test_any_harmless_schema_of_somebody_elses_event_is_read() -> None:
    user = record("User", "long", ["null", "string"])
    schema = record("CloudEvent", user, {"type": "array", "items": "User"}, {"type": "map", "values": "double"})
    writer = accept_writer(FOREIGN, json.dumps(schema))
    assert wire.decode(FOREIGN, b"\x02\x00\x00\x00", writer) == {"f0": {"f0": 1, "f1": None}, "f1": [], "f2": {}}
