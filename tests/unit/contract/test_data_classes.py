"""What the type system of the event bus asks of the data classes, and what is forbidden there."""
from __future__ import annotations

import ast
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin
from uuid import UUID

import attr
import pytest
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

from commerce_events import data, signals, topics, wire

PACKAGE = Path(data.__file__).parent
CLASSES = [getattr(data, name) for name in dir(data) if attr.has(getattr(data, name))]
FIELDS = [(cls, field) for cls in CLASSES for field in attr.fields(cls)]
IDS = [f"{cls.__name__}.{field.name}" for cls, field in FIELDS]


@pytest.mark.parametrize("module", ["data.py", "signals.py"])
def test_annotations_stay_types(module: str) -> None:
    """openedx-events reads them as types; ``from __future__ import annotations`` would make them text."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    assert [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"] == []


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=IDS)
def test_a_field_has_a_type_that_can_be_written_and_read(cls: Any, field: Any) -> None:
    kind = get_args(field.type)[0] if get_origin(field.type) is list else field.type
    assert kind in (str, int, bool, datetime, UUID) or attr.has(kind)


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=IDS)
def test_an_optional_field_is_none_by_default_and_never_falsy(cls: Any, field: Any) -> None:
    """Any other default does not reach the schema, and a falsy value is read back as None."""
    assert field.default in (attr.NOTHING, None)
    if field.default is None:
        assert field.type is not bool
        assert get_origin(field.type) is not list
        assert field.type is not int or field.name == "lms_user_id"  # never 0


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_class_is_frozen_takes_keywords_and_explains_its_fields(cls: Any) -> None:
    assert all(field.kw_only for field in attr.fields(cls))
    assert cls.__setattr__ is not object.__setattr__
    assert [field.name for field in attr.fields(cls) if field.name not in cls.__doc__] == []


def test_no_event_carries_a_price_or_a_name() -> None:
    words = ("price", "amount", "currency", "discount", "first_name", "last_name", "full_name", "address", "phone")
    assert [name for name in IDS if any(word in name for word in words)] == []


def test_no_result_carries_personal_data() -> None:
    names = {field.name for cls in (data.FulfillmentData, data.RefundRequestData) for field in attr.fields(cls)}
    assert names & {"email", "username", "learner", "beneficiary", "store_customer_id"} == set()


@pytest.mark.parametrize("row", topics.EVENT_TYPES.values(), ids=lambda row: row.name)
def test_a_signal_says_what_the_table_says(row: topics.EventType) -> None:
    signal = getattr(signals, row.name)
    assert signal.event_type == row.event_type
    assert signal.init_data == {row.argument: getattr(data, row.data_class)}


@pytest.mark.parametrize("row", topics.EVENT_TYPES.values(), ids=lambda row: row.name)
def test_the_shipped_schema_is_to_the_byte_what_the_stock_bus_registers(row: topics.EventType) -> None:
    assert wire.schema_text(row.event_type) == AvroSignalSerializer(getattr(signals, row.name)).schema_string()


@pytest.mark.parametrize("row", topics.EVENT_TYPES.values(), ids=lambda row: row.name)
def test_a_signal_is_annotated(row: topics.EventType) -> None:
    source = (PACKAGE / "signals.py").read_text(encoding="utf-8")
    block = source[source.index(f"# .. event_type: {row.event_type}") : source.index(f"\n{row.name} = ")]
    assert f"# .. event_name: {row.name}\n" in block
    assert f"# .. event_key_field: {row.key_field}\n" in block
    assert f"# .. event_data: {row.data_class}\n" in block
    assert "# .. event_description: Emitted when " in block
    assert "# .. event_trigger_repository: " in block


def test_every_signal_is_in_the_table() -> None:
    assert {name for name in dir(signals) if name.isupper()} == {row.name for row in topics.EVENT_TYPES.values()}


PURE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"confluent_kafka", "django", "edx_event_bus_kafka", "openedx_events", "requests"}:
            raise ModuleNotFoundError(f"{name} is not for the contract", name=name)
sys.meta_path.insert(0, Refuse())
from commerce_events import avsc, data, exceptions, identity, objects, records, resolution, shapes, validation
from commerce_events import topics, wire, writers
for event_type in topics.EVENT_TYPES:
    assert wire.accept_writer(event_type, wire.schema_text(event_type)) is wire.schema(event_type)
print("fine")
"""


def test_the_contract_needs_neither_django_nor_a_kafka_client() -> None:
    done = subprocess.run([sys.executable, "-c", PURE], check=True, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout == "fine\n"
