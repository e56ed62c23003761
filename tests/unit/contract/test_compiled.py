"""The fast path gives fastavro's answers, or none."""
from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events import avsc, compiled, topics, wire

from .bodies import ORDER, changed, events

EVERY_TYPE = pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
READ = compiled.reader(avsc.schema(topics.ORDER_PAID_TYPE))
WRITE = compiled.writer(avsc.schema(topics.ORDER_PAID_TYPE))


def written(event_type: str, body: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, avsc.schema(event_type), body)
    return out.getvalue()


@EVERY_TYPE
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_legitimate_event_goes_the_fast_way_to_the_same_bytes_and_back(
    event_type: str, data: st.DataObject
) -> None:
    body = {topics.EVENT_TYPES[event_type].argument: wire.to_dict(data.draw(events(event_type)))}
    fast = compiled.writer(avsc.schema(event_type))(body)
    assert fast == written(event_type, body)
    assert compiled.reader(avsc.schema(event_type))(fast) == body


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_read_as_fastavro_reads_them_or_left_to_it(data: st.DataObject) -> None:
    body = bytearray(written(topics.ORDER_PAID_TYPE, ORDER))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    fast = READ(bytes(body))
    if fast is not None:
        stream = io.BytesIO(bytes(body))
        assert fastavro.schemaless_reader(stream, avsc.schema(topics.ORDER_PAID_TYPE), None) == fast
        assert stream.tell() == len(body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order.revision", 1.0), ("order.revision", True), ("order.revision", "1"), ("order.revision", 2**63),
        ("order.revision", -(2**63) - 1), ("order.is_test", 1), ("order.is_test", "false"), ("order.source", None),
        ("order.source", 7), ("order.source", "\ud800"), ("order.lines", ()), ("order.learner", []),
        ("order.learner", None),
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_fastavro(path: str, value: Any) -> None:
    assert WRITE(changed(ORDER, path, value)) is None


@pytest.mark.parametrize("value", [0, 1, 63, 64, -1, -64, -65, 2**31, 2**63 - 1, -(2**63)])
def test_every_size_of_number_is_spelled_as_fastavro_does(value: int) -> None:
    body = changed(ORDER, "order.revision", value)
    assert WRITE(body) == written(topics.ORDER_PAID_TYPE, body)
    assert READ(WRITE(body) or b"") == body


@pytest.mark.parametrize("length", [1, 63, 64, 127, 128, 8191, 8192, 100_000])
def test_every_length_of_text_is_spelled_as_fastavro_does(length: int) -> None:
    body = changed(ORDER, "order.order_number", "ü" * length)
    assert WRITE(body) == written(topics.ORDER_PAID_TYPE, body)
    assert READ(WRITE(body) or b"") == body


def test_a_list_in_blocks_with_their_size_is_left_to_fastavro_which_reads_it() -> None:
    whole = written(topics.ORDER_PAID_TYPE, ORDER)
    none = written(topics.ORDER_PAID_TYPE, changed(ORDER, "order.lines", []))
    lines = whole[len(none) - 1 : -1]  # the block of two lines, without the empty block that ends the list
    size = len(lines) - 1
    assert lines[0] == 4
    sized = none[:-1] + b"\x03" + bytes([(size << 1 & 127) | 128, size >> 6]) + lines[1:] + b"\0"
    assert READ(sized) is None
    assert wire.decode(topics.ORDER_PAID_TYPE, sized) == ORDER


def test_a_schema_beyond_the_types_of_the_contract_is_refused_at_once() -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "f", "type": ["string", "long"]}]}
    with pytest.raises(TypeError, match="optional"):
        compiled.reader(schema)
