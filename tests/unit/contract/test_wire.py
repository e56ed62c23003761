"""Bytes out and in: what is written is read, and what is no message is refused."""
from __future__ import annotations

import io
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import fastavro
import pytest
from edx_event_bus_kafka.internal.utils import _get_headers_from_metadata, _get_metadata_from_headers
from hypothesis import given, settings
from hypothesis import strategies as st
from openedx_events.data import EventsMetadata

from commerce_events import topics, wire
from commerce_events.exceptions import ContractError
from commerce_events.topics import ORDER_PAID_TYPE
from commerce_events.validation import validate

from .bodies import ORDER, changed, events

MESSAGE = UUID("7d1c0f0e-4a5b-5c3d-8e2f-102030405060")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOW = datetime(2026, 3, 1, 9, 30, 0, 250000, tzinfo=UTC)


def written(schema: Any, body: dict[str, Any]) -> bytes:
    """What somebody else's Avro library writes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, body)
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_legitimate_event_survives_the_way_out_and_in(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(topics.EVENT_TYPES)))
    event = data.draw(events(event_type))
    body = {topics.EVENT_TYPES[event_type].argument: wire.to_dict(event)}
    decoded = wire.decode(event_type, wire.encode(event_type, body))
    assert decoded == body
    validate(event_type, decoded)
    assert wire.from_dict(event_type, decoded) == event


def test_absent_and_null_are_the_same() -> None:
    short = changed(ORDER, "order.learner", {"email": "learner@example.com", "email_verified": True})
    assert wire.decode(ORDER_PAID_TYPE, wire.encode(ORDER_PAID_TYPE, short)) == ORDER


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_bytes_come_the_answer_is_a_body_or_a_contract_error(data: st.DataObject) -> None:
    good = wire.encode(ORDER_PAID_TYPE, ORDER)
    place = data.draw(st.integers(0, len(good)))
    damage = data.draw(st.binary(max_size=4))
    body = data.draw(st.binary(max_size=60) | st.just(good[:place] + damage + good[place + len(damage) :]))
    with suppress(ContractError):
        assert wire.decode(ORDER_PAID_TYPE, body).keys() == {"order"}


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_body_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises(ContractError):
        wire.decode(ORDER_PAID_TYPE, wire.encode(ORDER_PAID_TYPE, ORDER)[:-cut])


@pytest.mark.parametrize("more", [b"\0", b"{}", b"\0" * 1000])
def test_the_whole_buffer_must_be_used(more: bytes) -> None:
    with pytest.raises(ContractError, match=f"{len(more)} bytes are left over"):
        wire.decode(ORDER_PAID_TYPE, wire.encode(ORDER_PAID_TYPE, ORDER) + more)


@pytest.mark.parametrize("byte", [b"\xff", b"\x80", b"\x01", b"\x02"])
def test_many_of_one_byte_is_refused_at_once(byte: bytes) -> None:
    """A number without an end above all: building it would take minutes."""
    start = time.process_time()
    for prefix in (b"", wire.encode(ORDER_PAID_TYPE, ORDER)[:40]):
        with pytest.raises(ContractError):
            wire.decode(ORDER_PAID_TYPE, prefix + byte * 300_000)
    assert time.process_time() - start < 3


def test_a_body_framed_twice_is_refused() -> None:
    framed = wire.frame(7, wire.encode(ORDER_PAID_TYPE, ORDER))
    with pytest.raises(ContractError):
        wire.decode(ORDER_PAID_TYPE, framed)


def test_text_that_is_no_utf_8_is_refused() -> None:
    body = wire.encode(ORDER_PAID_TYPE, ORDER).replace(b"shop", b"sh\xffp", 1)
    with pytest.raises(ContractError, match="UnicodeDecodeError"):
        wire.decode(ORDER_PAID_TYPE, body)


def test_a_view_of_bytes_is_decoded_too() -> None:
    assert wire.decode(ORDER_PAID_TYPE, memoryview(wire.encode(ORDER_PAID_TYPE, ORDER))) == ORDER


@pytest.mark.parametrize("schema_id", [0, 1, 2**31, 2**32 - 1])
def test_a_frame_is_a_zero_four_bytes_of_id_and_the_body(schema_id: int) -> None:
    value = wire.frame(schema_id, b"body")
    assert value == b"\0" + schema_id.to_bytes(4, "big") + b"body"
    assert wire.unframe(value) == (schema_id, b"body")


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0\0\1", b"\1\0\0\0\1body", b'{"order": {}}', b"\3\0"])
def test_what_is_not_framed_is_refused(value: bytes) -> None:
    with pytest.raises(ContractError, match="not in the Confluent wire format"):
        wire.unframe(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [("order", None), ("order.lines", "x"), ("order.lines.0.quantity", 2**64), ("order.paid_at", NOW),
     ("order.revision", None), ("order.learner", [])],
)  # fmt: skip
def test_what_avro_cannot_write_is_a_contract_error(path: str, value: Any) -> None:
    with pytest.raises(ContractError) as caught:
        wire.encode(ORDER_PAID_TYPE, changed(ORDER, path, value))
    assert caught.value.path == "order"


def test_a_body_larger_than_a_broker_takes_is_not_written() -> None:
    line = ORDER["order"]["lines"][0]
    lines = [{**line, "line_id": str(i), "sku": "s" * 255} for i in range(3500)]
    with pytest.raises(ContractError, match="too many") as caught:
        wire.encode(ORDER_PAID_TYPE, changed(ORDER, "order.lines", lines))
    assert "Split" in caught.value.hint


def test_the_largest_order_of_the_contract_can_be_written() -> None:
    """A thousand lines of ordinary length: both limits together leave room."""
    line = ORDER["order"]["lines"][0]
    lines = [{**line, "line_id": str(i)} for i in range(1000)]
    assert len(wire.encode(ORDER_PAID_TYPE, changed(ORDER, "order.lines", lines))) < wire.MAX_VALUE_BYTES


@pytest.mark.parametrize("use", [wire.schema, wire.schema_text, lambda name: wire.encode(name, {}),
                                 lambda name: wire.decode(name, b""), lambda name: wire.from_dict(name, {})])
def test_a_type_that_is_not_ours_is_named_with_those_that_are(use: Any) -> None:
    with pytest.raises(ContractError) as caught:
        use("org.openedx.commerce.order.shipped.v1")
    assert ORDER_PAID_TYPE in caught.value.hint


# ------------------------------------------------------------------------------------------------------------ headers


def test_headers_are_those_of_the_stock_bus() -> None:
    """Same names, same values, once each."""
    ours = wire.headers(ORDER_PAID_TYPE, MESSAGE, NOW, "openedx/lms/web")
    stock = _get_headers_from_metadata(
        EventsMetadata(id=MESSAGE, event_type=ORDER_PAID_TYPE, minorversion=0, source="openedx/lms/web", time=NOW)
    )
    assert dict(ours) == stock
    assert len(ours) == len(stock)


def test_the_stock_bus_reads_our_headers() -> None:
    metadata = _get_metadata_from_headers(wire.headers(ORDER_PAID_TYPE, MESSAGE, NOW, "openedx/lms/web"))
    assert (metadata.id, metadata.event_type, metadata.time) == (MESSAGE, ORDER_PAID_TYPE, NOW)
    assert metadata.source == "openedx/lms/web"


def test_every_header_is_in_the_table() -> None:
    made = wire.headers(ORDER_PAID_TYPE, MESSAGE, NOW, "shop", TRACE)
    table = {getattr(topics, name) for name in dir(topics) if name.startswith("HEADER_")}
    assert {name for name, _ in made} == table
    assert topics.HEADER_TRACE not in dict(wire.headers(ORDER_PAID_TYPE, MESSAGE, NOW, "shop"))


def test_a_time_is_written_in_utc_with_six_digits_always() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    header = dict(wire.headers(ORDER_PAID_TYPE, MESSAGE, datetime(2026, 3, 1, 15, 15, tzinfo=nepal), "shop"))
    assert header["ce_time"] == b"2026-03-01T09:30:00.000000+00:00"


def test_a_store_without_openedx_events_writes_three_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise wire.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(wire, "metadata", SimpleNamespace(
        version=missing, PackageNotFoundError=wire.metadata.PackageNotFoundError))  # fmt: skip
    wire._sender.cache_clear()
    try:
        assert dict(wire.headers(ORDER_PAID_TYPE, MESSAGE, NOW, "shop"))["sourcelib"] == b"0.0.0"
    finally:
        wire._sender.cache_clear()
