"""What stands in schemas/ is what the code says, and what openedx-events would make of the same signals."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

from commerce_events import avsc, signals, topics
from commerce_events.contract import files, generate

EVERY_TYPE = pytest.mark.parametrize("event_type", topics.EVENT_TYPES)


def test_the_files_in_schemas_follow_the_code() -> None:
    assert files.problems(files.checkout()) == []


@EVERY_TYPE
def test_a_schema_is_to_the_byte_what_the_stock_bus_registers(event_type: str) -> None:
    stock = AvroSignalSerializer(getattr(signals, topics.EVENT_TYPES[event_type].name)).schema_string()
    text = (files.checkout() / f"{event_type}.avsc").read_text()
    assert json.dumps(json.loads(text), sort_keys=True) == stock
    assert avsc.schema_text(event_type) == stock


def test_a_type_that_no_event_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="type system"):
        generate._type(bytes, set())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as ``schemas/`` is after a release."""
    files.write(tmp_path)
    files.release(tmp_path)
    return tmp_path


def test_writing_twice_changes_nothing(folder: Path) -> None:
    assert files.problems(folder) == []
    assert files.write(folder) == []
    assert files.release(folder) == []


def test_an_edited_file_is_seen_and_mended(folder: Path) -> None:
    path = folder / f"{topics.ORDER_PAID_TYPE}.avsc"
    path.write_text(path.read_text().replace("order_number", "order_name"))
    assert files.problems(folder) == [f"schemas/{path.name}: differs from what the code says"]
    assert files.write(folder) == [path.name]
    assert files.problems(folder) == []


def test_a_file_that_nothing_generates_any_more_is_seen_and_deleted(folder: Path) -> None:
    path = folder / "examples" / topics.ORDER_PAID_TYPE / "invalid-old.json"
    path.write_text("{}")
    assert files.problems(folder) == [f"schemas/{path.relative_to(folder)}: nothing generates it any more"]
    files.write(folder)
    assert not path.exists()


def test_a_schema_that_is_not_released_is_seen(tmp_path: Path) -> None:
    files.write(tmp_path)
    assert len(files.problems(tmp_path)) == len(topics.EVENT_TYPES)
    assert "not released" in files.problems(tmp_path)[0]
