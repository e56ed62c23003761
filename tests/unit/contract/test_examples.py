"""Each example of schemas/ is what its name says: right, or wrong at the place that errors.json names."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commerce_events import topics, wire
from commerce_events.contract import files
from commerce_events.exceptions import ContractError
from commerce_events.validation import faults, validate

FOLDERS = sorted(path for path in (files.checkout() / "examples").iterdir() if path.is_dir())
VALID = [folder / "valid.json" for folder in FOLDERS]
INVALID = sorted(path for folder in FOLDERS for path in folder.glob("invalid-*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def body(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def test_every_type_has_a_right_example_and_several_wrong_ones() -> None:
    assert {folder.name for folder in FOLDERS} == set(topics.EVENT_TYPES)
    for folder in FOLDERS:
        wrong = {path.name for path in folder.glob("invalid-*.json")}
        assert wrong == set(json.loads((folder / "errors.json").read_text()))
        assert len(wrong) >= 2


@pytest.mark.parametrize("path", VALID, ids=name)
def test_the_right_example_is_right_on_the_wire_too(path: Path) -> None:
    event_type = path.parent.name
    validate(event_type, body(path))
    validate(event_type, wire.decode(event_type, wire.encode(event_type, body(path))))


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_a_wrong_example_is_refused_where_it_says(path: Path) -> None:
    said = json.loads((path.parent / "errors.json").read_text())[path.name]
    with pytest.raises(ContractError) as refused:
        validate(path.parent.name, body(path))
    assert refused.value.path == said["path"]
    assert [fault.path for fault in faults(path.parent.name, body(path))] == [said["path"]]


@pytest.mark.parametrize("path", [*VALID, *INVALID], ids=name)
def test_examples_hold_no_address_but_the_one_for_examples(path: Path) -> None:
    text = path.read_text()
    assert text.count("@") == text.count("learner@example.com")
