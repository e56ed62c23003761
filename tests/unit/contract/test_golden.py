"""Golden bytes of every release decode for ever: by us, by openedx-events, and as confluent's deserializer does it."""
from __future__ import annotations

import io
import json
from pathlib import Path

import fastavro
import pytest
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer, deserialize_bytes_to_event_data

from commerce_events import signals, topics, wire
from commerce_events.contract import files
from commerce_events.validation import validate

GOLDEN = sorted((files.checkout() / "golden").glob("*/*.bin"))
EVERY = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")


def expected(path: Path) -> dict[str, dict[str, object]]:
    """What the event must be read as: what it was written from, and None for each field that came later."""
    said: dict[str, dict[str, object]] = json.loads(path.with_suffix(".json").read_text())
    return said


def written_with(path: Path) -> str:
    return (files.checkout() / "released" / path.parent.name / f"{path.stem}.avsc").read_text()


def without_nothing(value: object) -> object:
    if isinstance(value, dict):
        return {name: without_nothing(inner) for name, inner in value.items() if inner is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def test_every_release_of_every_type_has_golden_bytes() -> None:
    released = {(path.parent.name, path.stem) for path in (files.checkout() / "released").glob("*/*.avsc")}
    assert released == {(path.parent.name, path.stem) for path in GOLDEN}
    assert {event_type for event_type, _ in released} == set(topics.EVENT_TYPES)


@EVERY
def test_we_decode_them_by_their_writers_schema(path: Path) -> None:
    event_type = path.parent.name
    body = wire.decode(event_type, path.read_bytes(), wire.accept_writer(event_type, written_with(path)))
    validate(event_type, body)
    assert without_nothing(body) == without_nothing(expected(path))


@EVERY
def test_the_stock_bus_decodes_them_as_its_consumer_does(path: Path) -> None:
    event_type = path.parent.name
    signal = getattr(signals, topics.EVENT_TYPES[event_type].name)
    ours = json.loads(AvroSignalDeserializer(signal).schema_string())
    read = fastavro.schemaless_reader(io.BytesIO(path.read_bytes()), json.loads(written_with(path)), ours)
    (event,) = AvroSignalDeserializer(signal).from_dict(read).values()
    assert without_nothing(wire.to_dict(event)) == without_nothing(next(iter(expected(path).values())))


@EVERY
def test_confluents_deserializer_decodes_them(path: Path) -> None:
    # confluent_kafka.schema_registry.avro.AvroDeserializer: schemaless_reader(payload, writer_schema, reader_schema)
    read = fastavro.schemaless_reader(io.BytesIO(path.read_bytes()), json.loads(written_with(path)), None)
    assert without_nothing(read) == without_nothing(expected(path))


def test_the_stock_bus_writes_the_same_event_as_bytes_that_we_read() -> None:
    for path in GOLDEN:
        event_type = path.parent.name
        signal = getattr(signals, topics.EVENT_TYPES[event_type].name)
        if written_with(path) == (files.checkout() / f"{event_type}.avsc").read_text():
            (event,) = deserialize_bytes_to_event_data(path.read_bytes(), signal).values()
            assert event == wire.from_dict(event_type, expected(path))
