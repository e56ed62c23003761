"""Shapes accept what they say and name what they refuse, without quoting it."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events.shapes import Broken, ListOf, Record, Text, flag, moment, one_of, optional, uuid, whole

SECRET = "learner@example.com"
PERSON = Record({"name": Text(5), "age": optional(whole(1, 150))})
CROWD = Record({"people": ListOf(PERSON, least=1, most=2)})


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (Text(3), "abc"), (Text(3), "é"), (Text(3), " a "), (Text(9), "line\nfeed"), (Text(3, without=":"), "a"),
        (whole(0, 9), 0), (whole(0, 9), 9), (flag, True), (flag, False),
        (moment, "2026-01-31T12:00:00.000001+00:00"), (moment, "2026-01-31T12:00:00+00:00"),
        (uuid, "7d1c0f0e-4a5b-5c3d-8e2f-102030405060"), (one_of("a", own="x_"), "a"), (one_of("a", own="x_"), "x_b"),
        (PERSON, {"name": "Ada"}), (PERSON, {"name": "Ada", "age": None}), (CROWD, {"people": [{"name": "Ada"}]}),
    ],
)  # fmt: skip
def test_what_is_right_passes(shape: Any, value: Any) -> None:
    shape(value)


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        (Text(3), "", "1 to 3 characters are expected, not 0"),
        (Text(3), "abcd", "1 to 3 characters are expected, not 4"),
        (Text(3), 1, "text is expected, not a number"),
        (Text(3), "a\0", "holds a NUL character"),
        (Text(3), "\ud800", "holds half a character"),
        (Text(3, without=":"), "a:b", "must not hold ':'"),
        (whole(1, 9), 0, "1 to 9 is expected"),
        (whole(1, 9), 10, "1 to 9 is expected"),
        (whole(1, 9), 1.5, "a whole number is expected, not a number with a fraction"),
        (whole(1, 9), 1.0, "a whole number is expected, not a number with a fraction"),
        (whole(1, 9), True, "a whole number is expected, not true or false"),
        (whole(1, 9), "1", "a whole number is expected, not text"),
        (flag, "false", "true or false is expected, not text"),
        (flag, 0, "true or false is expected, not a number"),
        (uuid, "7D1C0F0E-4A5B-5C3D-8E2F-102030405060", "a UUID in lower-case canonical form is expected"),
        (uuid, "7d1c0f0e4a5b5c3d8e2f102030405060", "a UUID in lower-case canonical form is expected"),
        (one_of("a", "b"), "c", "no word of the list"),
        (one_of("a", own="x_", longest=4), "x_bcd", "no word of the list"),
        (one_of("a"), ["a"], "text is expected, not a list"),
        (PERSON, [], "an object is expected, not a list"),
        (CROWD, {"people": {}}, "a list is expected, not an object"),
        (CROWD, {"people": []}, "1 to 2 lines are expected, not 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(shape: Any, value: Any, message: str) -> None:
    with pytest.raises(Broken, match=message):
        shape(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00.000000",  # nobody knows which 12:00
        "2026-01-31T12:00:00.000000+01:00",
        "2026-01-31T12:00:00.000000Z",
        "2026-01-31T12:00:00.000+00:00",
        "2026-01-31 12:00:00.000000+00:00",
        "2026-01-31T12:00:00,000000+00:00",
        "2026-W05-6T12:00:00+00:00",
        "2026-02-30T12:00:00.000000+00:00",
        "20260131T120000.000000+00:00",
        "٢٠٢٦-01-31T12:00:00.000000+00:00",
        "",
        0,
        1769860800,
    ],
)
def test_a_time_has_one_form(value: Any) -> None:
    with pytest.raises(Broken):
        moment(value)


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


@pytest.mark.parametrize("shape", [Text(3), whole(0, 1), flag, moment, uuid, one_of("a"), PERSON, CROWD])
def test_no_message_quotes_a_value(shape: Any) -> None:
    with pytest.raises(Broken) as caught:
        shape(SECRET)
    assert SECRET not in caught.value.message + caught.value.hint


def test_a_law_is_asked_only_where_the_shapes_are_right() -> None:
    def older(value: dict[str, Any]) -> None:
        if value["age"] < 18:
            raise Broken("too young", "age")

    adult = Record({"age": whole(0, 150)}, [older])
    assert [fault.message for fault in adult.faults({"age": 7})] == ["too young"]
    assert [fault.message for fault in adult.faults({"age": "7"})] == ["a whole number is expected, not text"]
