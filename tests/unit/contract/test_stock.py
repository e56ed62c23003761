"""What the stock bus writes we read, and what we write it reads: any legitimate event, both ways, by its own code."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openedx_events.event_bus.avro.deserializer import deserialize_bytes_to_event_data
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes

from commerce_events import signals, topics, wire
from commerce_events.validation import validate

from .bodies import events

EVERY_TYPE = pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
SETTINGS = settings(max_examples=25, deadline=None)


def signal(event_type: str) -> Any:
    return getattr(signals, topics.EVENT_TYPES[event_type].name)


@EVERY_TYPE
@SETTINGS
@given(data=st.data())
def test_the_stock_bus_reads_what_we_write(event_type: str, data: st.DataObject) -> None:
    event = data.draw(events(event_type))
    argument = topics.EVENT_TYPES[event_type].argument
    written = wire.encode(event_type, {argument: wire.to_dict(event)})
    assert deserialize_bytes_to_event_data(written, signal(event_type)) == {argument: event}


@EVERY_TYPE
@SETTINGS
@given(data=st.data())
def test_we_read_what_the_stock_bus_writes(event_type: str, data: st.DataObject) -> None:
    argument = topics.EVENT_TYPES[event_type].argument
    # the same event with its times in UTC: the stock bus writes the zone it is given, and the contract has one
    event = wire.from_dict(event_type, {argument: wire.to_dict(data.draw(events(event_type)))})
    written = serialize_event_data_to_bytes({argument: event}, signal(event_type))
    body = wire.decode(event_type, written)
    validate(event_type, body)
    assert wire.from_dict(event_type, body) == event
