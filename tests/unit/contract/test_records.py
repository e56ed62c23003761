"""Records and lists of them say where a fault is, and find one or all."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events.records import ListOf, Record, optional
from commerce_events.shapes import Broken, Text, whole

SECRET = "learner@example.com"
PERSON = Record({"name": Text(5), "age": optional(whole(1, 150))})
CROWD = Record({"people": ListOf(PERSON, least=1, most=2)})


@pytest.mark.parametrize(
    ("record", "value"),
    [(PERSON, {"name": "Ada"}), (PERSON, {"name": "Ada", "age": None}), (CROWD, {"people": [{"name": "Ada"}]})],
)
def test_what_is_right_passes(record: Record, value: Any) -> None:
    record(value)
    assert list(record.faults(value)) == []


@pytest.mark.parametrize(
    ("record", "value", "message"),
    [
        (PERSON, [], "an object is expected, not a list"),
        (CROWD, {"people": {}}, "a list is expected, not an object"),
        (CROWD, {"people": []}, "1 to 2 lines are expected, not 0"),
    ],
)
def test_what_is_wrong_is_named(record: Record, value: Any, message: str) -> None:
    with pytest.raises(Broken, match=message):
        record(value)


@pytest.mark.parametrize("record", [PERSON, CROWD])
def test_no_message_quotes_a_value(record: Record) -> None:
    with pytest.raises(Broken) as caught:
        record(SECRET)
    assert SECRET not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({}, ["people"], "missing"),
        ({"people": None}, ["people"], "missing"),
        ({"people": [{"name": "Ada"}, {"name": "Ada", "age": 0}]}, ["people", "[1]", "age"], "1 to 150 is expected"),
        ({"people": [None]}, ["people", "[0]"], "an object is expected, not nothing"),
        ({"people": [{"name": "Ada", "aeg": 7}]}, ["people", "[0]", "aeg"], "no such field"),
        ({"people": [{"name": "Ada", "age": 7, "size": 7}]}, ["people", "[0]", "size"], "no such field"),
        ({"people": [{"name": "Ada", SECRET: 7}]}, ["people", "[0]", "…"], "no such field"),
    ],
)
def test_a_fault_says_where(value: Any, path: list[str], message: str) -> None:
    with pytest.raises(Broken, match=message) as caught:
        CROWD(value)
    assert caught.value.path == path
    assert [(fault.path, fault.message) for fault in CROWD.faults(value)] == [(path, caught.value.message)]


def test_faults_finds_all_where_a_call_stops_at_the_first() -> None:
    crowd = {"people": [{"name": "", "age": 0}, {"name": "Adaline", "old": 1}], "place": "here"}
    paths = [".".join(fault.path) for fault in CROWD.faults(crowd)]
    assert sorted(paths) == ["people.[0].age", "people.[0].name", "people.[1].name", "people.[1].old", "place"]


def test_a_misspelled_field_is_guessed() -> None:
    (fault,) = PERSON.faults({"name": "Ada", "aeg": 7})
    assert fault.hint == "Is age meant?"


def test_a_law_is_asked_only_where_the_shapes_are_right() -> None:
    def older(value: dict[str, Any]) -> None:
        if value["age"] < 18:
            raise Broken("too young", "age")

    adult = Record({"age": whole(0, 150)}, [older])
    assert [fault.message for fault in adult.faults({"age": 7})] == ["too young"]
    assert [fault.message for fault in adult.faults({"age": "7"})] == ["a whole number is expected, not text"]
