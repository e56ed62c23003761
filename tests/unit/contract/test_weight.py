"""The number of values in a body is counted as the decoder would make them, and only where it matters."""
from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from commerce_events import topics, wire
from commerce_events.exceptions import ContractError
from commerce_events.testing import builders
from commerce_events.weight import LIGHT, MAX_VALUES, is_too_heavy

FLAG = {"type": "record", "name": "Item", "fields": [{"name": "a", "type": "boolean"}]}
OTHER = {"type": "record", "name": "Wide", "fields": [
    {"name": "a", "type": ["null", "string", "double"]}, {"name": "b", "type": {"type": "map", "values": "long"}},
    {"name": "c", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}, {"name": "d", "type": "float"},
    {"name": "e", "type": {"type": "fixed", "name": "F", "size": 3}}, {"name": "f", "type": "bytes"},
]}  # fmt: skip


def written(item: Any, values: list[Any]) -> tuple[Any, bytes]:
    fields = [{"name": "items", "type": {"type": "array", "items": item}}]
    schema = fastavro.parse_schema({"type": "record", "name": "CloudEvent", "fields": fields})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, {"items": values})
    return schema, out.getvalue()


def test_a_value_too_many_is_one_too_many() -> None:
    # the record, its list, and two for each item
    most = (MAX_VALUES - 2) // 2
    schema, body = written(FLAG, [{"a": True}] * most)
    assert len(body) > LIGHT
    assert not is_too_heavy(schema, body)
    assert is_too_heavy(*written(FLAG, [{"a": True}] * (most + 1)))


def test_every_type_is_stepped_over_as_the_decoder_does() -> None:
    item = {"a": "t" * 200, "b": {"k": 1, "longer": -(1 << 40)}, "c": "Y", "d": 1.5, "e": b"abc", "f": b"bytes"}
    per_item = 1 + 6 + 2
    most = (MAX_VALUES - 2) // per_item
    for a in ("t" * 200, 2.5, None):
        assert not is_too_heavy(*written(OTHER, [{**item, "a": a}] * most))
        assert is_too_heavy(*written(OTHER, [{**item, "a": a}] * (most + 1)))


@pytest.mark.parametrize("cut", [1, 1000])
def test_what_follows_no_schema_is_left_to_the_decoder(cut: int) -> None:
    schema, body = written("string", ["x" * 100] * 1000)
    assert not is_too_heavy(schema, body[:-cut])
    assert not is_too_heavy(schema, b"\xff" * (LIGHT + 1))


def test_the_largest_order_is_light_and_one_of_too_many_lines_is_refused() -> None:
    lines = [builders.line(str(i)) for i in range(1000)]
    body = wire.encode(topics.ORDER_PAID_TYPE, builders.order_paid("1", lines=lines))
    assert len(body) > LIGHT
    assert len(wire.decode(topics.ORDER_PAID_TYPE, body)["order"]["lines"]) == 1000
    schema, flags = written(FLAG, [{"a": True}] * MAX_VALUES)
    with pytest.raises(ContractError, match="values"):
        wire.decode("org.example.anything.v1", flags, schema)
