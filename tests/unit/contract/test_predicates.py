"""The first glance says yes only where the table has no objection, and it does say yes to what usually comes."""
from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events import topics, wire
from commerce_events.contract import examples
from commerce_events.predicates import glanced, predicate
from commerce_events.shapes import Broken
from commerce_events.validation import RECORDS, validate

from .bodies import ORDER, REFUND

EVERY_TYPE = pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.just("\0"), st.just("x_\0"),
    st.just("\ud800"), st.just("x" * 300), st.just([]), st.just({}), st.binary(max_size=4), st.just(2**63),
    st.sampled_from(["shop:1", "verified", "2026-03-01T09:30:00+00:00", "2026-03-01T09:30:00Z", "x_mug", "1"]),
)  # fmt: skip


def places(node: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a body."""
    if path:
        yield path
    for step, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, *path, step)


def looked(record: Any, value: Any) -> bool:
    try:
        return bool(record.fine(value))
    except (Broken, KeyError, TypeError, ValueError):
        return False


@EVERY_TYPE
def test_what_usually_comes_is_let_through_at_the_first_glance(event_type: str) -> None:
    body = wire.decode(event_type, wire.encode(event_type, examples.valid(event_type)))
    assert RECORDS[event_type].fine(body[topics.EVENT_TYPES[event_type].argument])


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_the_first_glance_never_lets_through_what_the_table_refuses(data: st.DataObject) -> None:
    event_type, body = data.draw(
        st.sampled_from([
            (topics.ORDER_PAID_TYPE, ORDER), (topics.ORDER_REFUNDED_TYPE, REFUND),
            (topics.FULFILLMENT_REVOKED_TYPE, examples.valid(topics.FULFILLMENT_REVOKED_TYPE)),
        ])
    )  # fmt: skip
    argument = topics.EVENT_TYPES[event_type].argument
    record = copy.deepcopy(body[argument])
    *steps, last = data.draw(st.sampled_from(list(places(record))))
    at = record
    for step in steps:
        at = at[step]
    action = data.draw(st.sampled_from(["change", "drop", "add"]))
    if action == "change":
        at[last] = data.draw(ODD)
    elif action == "drop":
        del at[last]
    elif isinstance(at, dict):
        at[data.draw(st.text(max_size=8))] = data.draw(ODD)
    if looked(RECORDS[event_type], record):
        assert list(RECORDS[event_type].faults(record)) == []


def test_an_absent_optional_field_is_left_to_the_table_which_lets_it_pass() -> None:
    order = {**ORDER["order"], "learner": {"email": "learner@example.com", "email_verified": True}}
    assert not looked(RECORDS[topics.ORDER_PAID_TYPE], order)
    validate(topics.ORDER_PAID_TYPE, {"order": order})


def test_a_dropped_field_is_not_made_up_for_by_an_unknown_one() -> None:
    order = {**ORDER["order"], "note": None}
    del order["revision"]
    assert not looked(RECORDS[topics.ORDER_PAID_TYPE], order)


def test_a_shape_without_an_expression_is_called() -> None:
    seen: list[Any] = []
    look = predicate([("a", seen.append, True)], [])
    assert look({"a": 1})
    assert seen == [1]


def test_constants_of_two_fields_stay_apart() -> None:
    def small(value: Any) -> None: ...
    def large(value: Any) -> None: ...

    glanced(small, "{v} < {limit}", limit=2)
    glanced(large, "{v} < {limit}", limit=9)
    look = predicate([("a", small, True), ("b", large, False)], [])
    assert look({"a": 1, "b": 8})
    assert look({"a": 1, "b": None})
    assert not look({"a": 8, "b": 8})
