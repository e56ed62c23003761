"""Shapes accept what they say and name what they refuse, without quoting it."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events.shapes import Broken, Text, flag, moment, one_of, uuid, whole

SECRET = "learner@example.com"


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (Text(3), "abc"), (Text(3), "é"), (Text(3), " a "), (Text(9), "line\nfeed"), (Text(3, without=":"), "a"),
        (whole(0, 9), 0), (whole(0, 9), 9), (flag, True), (flag, False),
        (moment, "2026-01-31T12:00:00.000001+00:00"), (moment, "2026-01-31T12:00:00+00:00"),
        (uuid, "7d1c0f0e-4a5b-5c3d-8e2f-102030405060"), (one_of("a", own="x_"), "a"), (one_of("a", own="x_"), "x_b"),
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


@pytest.mark.parametrize("shape", [Text(3), whole(0, 1), flag, moment, uuid, one_of("a")])
def test_no_message_quotes_a_value(shape: Any) -> None:
    with pytest.raises(Broken) as caught:
        shape(SECRET)
    assert SECRET not in caught.value.message + caught.value.hint
