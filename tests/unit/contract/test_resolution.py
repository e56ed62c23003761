"""Avro's rules of schema resolution: what we say can be read is read by fastavro, and what cannot is not."""
from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from fastavro.read import SchemaResolutionError
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.avsc import parsed
from commerce_events.resolution import Obstacle, obstacles

from .test_wire import written


def record(*fields: tuple[Any, ...], name: str = "R") -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [dict(zip(("name", "type", "default"), field, strict=False)) for field in fields],
    }


INNER = record(("b", "long"), name="Inner")
MAYBE = ["null", "string"]
NUMBERS = {"type": "array", "items": "long"}
TWO, THREE = ({"type": "fixed", "name": "F", "size": size} for size in (2, 3))
COLOURS = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (record(("a", "long")), record(("a", "int"))),
        (record(("a", "double")), record(("a", "float"))),
        (record(("a", "string")), record(("a", {"type": "string"}))),
        (record(("a", MAYBE)), record(("a", "string"))),
        (record(("a", ["null", "long"])), record(("a", "int"))),
        (record(("a", MAYBE, None)), record()),
        (record(("a", "long")), record(("z", "string"), ("a", "long"))),
        (record(("a", INNER), ("c", "Inner")), record(("c", INNER), ("a", "Inner"))),
        (record(("a", ["null", INNER])), record(("a", INNER))),
        (record(("a", {"type": "map", "values": "long"})), record(("a", {"type": "map", "values": "int"}))),
        (record(("a", COLOURS)), record(("a", {**COLOURS, "symbols": ["RED"]}))),
        (record(("a", ["null", "R"])), record(("a", ["null", "R"]))),
    ],
)
def test_nothing_is_in_the_way(reader: Any, writer: Any) -> None:
    assert obstacles(parsed(reader), parsed(writer)) == []


@pytest.mark.parametrize(
    ("reader", "writer", "found"),
    [
        (record(("a", "int")), record(("a", "long")), Obstacle("a", "long cannot be read as int")),
        (record(("a", "string")), record(("a", MAYBE)), Obstacle("a", "null cannot be read as string")),
        (record(("a", MAYBE)), record(("a", "long")), Obstacle("a", "long is no branch of the union")),
        (record(("a", "long")), record(), Obstacle("a", "required, and the writer does not write it")),
        (record(("a", INNER)), record(("a", "string")), Obstacle("a", "string cannot be read as record Inner")),
        (record(("a", INNER)), record(("a", {**INNER, "name": "Other"})),
         Obstacle("a", "record Other has another name than record Inner")),
        (record(("a", ["null", INNER])), record(("a", ["null", {**INNER, "name": "Other"}])),
         Obstacle("a", "record Other is no branch of the union")),
        (record(("a", {"type": "array", "items": INNER})),
         record(("a", {"type": "array", "items": record(name="Inner")})),
         Obstacle("a[].b", "required, and the writer does not write it")),
        (record(("a", NUMBERS)), record(("a", {"type": "map", "values": "long"})),
         Obstacle("a", "map cannot be read as array")),
        (record(("a", {"type": "map", "values": "long"})), record(("a", {"type": "map", "values": "string"})),
         Obstacle("a{}", "string cannot be read as long")),
        (record(("a", {**COLOURS, "symbols": ["RED"]})), record(("a", COLOURS)),
         Obstacle("a", "the enum has symbols that the reader does not know")),
        (record(("a", TWO)), record(("a", THREE)),
         Obstacle("a", "the fixed has another size")),
    ],
)  # fmt: skip
def test_each_obstacle_is_named_where_it_is(reader: Any, writer: Any, found: Obstacle) -> None:
    assert obstacles(parsed(reader), parsed(writer)) == [found]


def test_every_obstacle_is_named() -> None:
    reader, writer = record(("a", "long"), ("b", "long")), record(("b", "string"))
    assert [found.path for found in obstacles(parsed(reader), parsed(writer))] == ["a", "b"]


#: Types of one field with a value that can be written.
KINDS = st.sampled_from([
    ("long", 7), ("int", 7), ("string", "x"), ("boolean", True), ("double", 0.5), (MAYBE, "x"), (MAYBE, None),
    (["null", "long"], 7), (["null", "long"], None), (INNER, {"b": 1}), (["null", INNER], {"b": 1}),
    ({"type": "array", "items": "long"}, [1]), ({"type": "array", "items": "string"}, ["x"]),
    ({"type": "map", "values": "long"}, {"x": 1}),
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(KINDS, KINDS)
def test_fastavro_reads_what_has_no_obstacle(reading: tuple[Any, Any], writing: tuple[Any, Any]) -> None:
    reader, writer = parsed(record(("a", reading[0]))), parsed(record(("a", writing[0])))
    body = written(writer, {"a": writing[1]})
    if obstacles(reader, writer):
        # with a value that happens to fit, fastavro reads on: a promise about every value is more
        with suppress(SchemaResolutionError):
            fastavro.schemaless_reader(io.BytesIO(body), writer, reader)
    else:
        assert fastavro.schemaless_reader(io.BytesIO(body), writer, reader) == {"a": writing[1]}
