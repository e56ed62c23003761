"""The contract's checks: what Avro lets pass, and must not."""
from __future__ import annotations

from typing import Any

import attr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events import data, topics, validation
from commerce_events.exceptions import ContractError
from commerce_events.topics import ORDER_PAID_TYPE, ORDER_REFUNDED_TYPE
from commerce_events.validation import faults, validate
from commerce_events.wire import to_dict

from .bodies import ORDER, REFUND, changed, events


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("order.lines.0.quantity", 1.5, "order.lines[0].quantity"),
        ("order.lines.1.quantity", 0, "order.lines[1].quantity"),
        ("order.lines.0.quantity", 2**31, "order.lines[0].quantity"),
        ("order.is_test", "false", "order.is_test"),
        ("order.email_opt_in", 1, "order.email_opt_in"),
        ("order.paid_at", "2026-03-01T09:30:00", "order.paid_at"),
        ("order.occurred_at", "2026-03-01T10:30:00.000000+01:00", "order.occurred_at"),
        ("order.order_key", "shop:1043", "order.order_key"),
        ("order.source", "sh:op", "order.source"),
        ("order.source", "s" * 33, "order.source"),
        ("order.order_id", "1" * 129, "order.order_id"),
        ("order.order_id", "10\x0042", "order.order_id"),
        ("order.order_id", 1042, "order.order_id"),
        ("order.order_number", "", "order.order_number"),
        ("order.revision", -1, "order.revision"),
        ("order.revision", 2**63, "order.revision"),
        ("order.lines", [], "order.lines"),
        ("order.lines", None, "order.lines"),
        ("order.lines.1.line_id", "1", "order.lines[1].line_id"),
        ("order.lines.0.line_id", "1" * 129, "order.lines[0].line_id"),
        ("order.lines.0.product_kind", "bundle", "order.lines[0].product_kind"),
        ("order.lines.0.mode", "m" * 33, "order.lines[0].mode"),
        ("order.lines.0.beneficiary", {"email": "learner@example.com"}, "order.lines[0].beneficiary.email_verified"),
        ("order.learner.email", None, "order.learner"),
        ("order.learner.lms_user_id", 0, "order.learner.lms_user_id"),
        ("order.learner.email", "e" * 255, "order.learner.email"),
        ("order.learner.username", "u" * 151, "order.learner.username"),
        ("order.learner", None, "order.learner"),
        ("order.learner", "learner@example.com", "order.learner"),
        ("order.price", 10, "order.price"),
        ("order", [], "order"),
    ],
)
def test_a_wrong_order_is_refused_where_it_is_wrong(path: str, value: Any, found: str) -> None:
    with pytest.raises(ContractError) as caught:
        validate(ORDER_PAID_TYPE, changed(ORDER, path, value))
    assert caught.value.path == found
    assert caught.value.reason_code == "schema_invalid"


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("refund.refund_id", "r" * 129, "refund.refund_id"),
        ("refund.refund_kind", "partial", "refund.refund_kind"),
        ("refund.access_hint", "remove", "refund.access_hint"),
        ("refund.is_full", None, "refund.is_full"),
        ("refund.reason_code", "The learner asked for it.", "refund.reason_code"),
        ("refund.lines.0.refunded_total", 0, "refund.lines[0].refunded_total"),
        ("refund.lines.0.quantity", -1, "refund.lines[0].quantity"),
        ("refund.lines.0.ordered_quantity", 0, "refund.lines[0].ordered_quantity"),
        ("refund.lines", None, "refund.lines"),
    ],
)
def test_a_wrong_refund_is_refused_where_it_is_wrong(path: str, value: Any, found: str) -> None:
    with pytest.raises(ContractError) as caught:
        validate(ORDER_REFUNDED_TYPE, changed(REFUND, path, value))
    assert caught.value.path == found


@pytest.mark.parametrize(
    ("event_type", "path", "value"),
    [
        (ORDER_PAID_TYPE, "order.order_id", "1042 "),
        (ORDER_PAID_TYPE, "order.order_id", "10:42"),
        (ORDER_PAID_TYPE, "order.order_id", "i" * 128),
        (ORDER_PAID_TYPE, "order.paid_at", "2026-03-01T09:30:00+00:00"),
        (ORDER_PAID_TYPE, "order.lines.0.product_kind", "x_mug"),
        (ORDER_PAID_TYPE, "order.lines.0.quantity", 2**31 - 1),
        (ORDER_REFUNDED_TYPE, "refund.lines", []),
        (ORDER_REFUNDED_TYPE, "refund.lines.0.quantity", 0),
        (ORDER_REFUNDED_TYPE, "refund.reason_code", None),
        (ORDER_REFUNDED_TYPE, "refund.reason_code", "requested_by_customer"),
    ],
)
def test_what_looks_odd_and_is_right_passes(event_type: str, path: str, value: Any) -> None:
    body = changed(ORDER if event_type == ORDER_PAID_TYPE else REFUND, path, value)
    (content,) = body.values()
    content["order_key"] = f"{content['source']}:{content['order_id']}"
    validate(event_type, body)


def test_an_order_of_many_lines_ends_somewhere() -> None:
    line = ORDER["order"]["lines"][0]
    lines = [{**line, "line_id": str(i)} for i in range(validation.MAX_LINES)]
    validate(ORDER_PAID_TYPE, changed(ORDER, "order.lines", lines))
    with pytest.raises(ContractError):
        validate(ORDER_PAID_TYPE, changed(ORDER, "order.lines", [*lines, {**line, "line_id": "more"}]))


@pytest.mark.parametrize("body", [{}, {"refund": {}}, {"order": None}, [], None, "order", {**ORDER, "more": 1}])
def test_a_body_has_one_argument(body: Any) -> None:
    with pytest.raises(ContractError) as caught:
        validate(ORDER_PAID_TYPE, body)
    assert caught.value.path == "order"


def test_the_table_and_the_data_classes_have_the_same_fields() -> None:
    for event_type, record in validation.RECORDS.items():
        _same(record, getattr(data, topics.EVENT_TYPES[event_type].data_class))


def _same(record: validation.Record, cls: Any) -> None:
    """Names, order, and what is optional; records and lists below too."""
    assert [(name, not field.required) for name, field in record.fields.items()] == [
        (field.name, field.default is None) for field in attr.fields(cls)
    ]
    for field in attr.fields(cls):
        shape = record.fields[field.name].shape
        if isinstance(shape, validation.Record):
            _same(shape, field.type)
        elif isinstance(shape, validation.ListOf):
            _same(shape.record, field.type.__args__[0])
        else:
            assert not attr.has(field.type)


def test_every_event_type_has_its_table() -> None:
    assert validation.RECORDS.keys() == topics.EVENT_TYPES.keys()


def test_an_event_that_is_not_ours_is_not_judged() -> None:
    validate("org.openedx.learning.course.enrollment.created.v1", {"enrollment": {"anything": object()}})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_legitimate_event_passes(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(topics.EVENT_TYPES)))
    body = {topics.EVENT_TYPES[event_type].argument: to_dict(data.draw(events(event_type)))}
    validate(event_type, body)
    assert list(faults(event_type, body)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_field_the_answer_is_yes_or_a_contract_error(data: st.DataObject) -> None:
    """And the two readers agree: a first fault is there if and only if some fault is."""
    paths = [f"order.{name}" for name in ORDER["order"]]
    paths += [f"order.lines.0.{name}" for name in ORDER["order"]["lines"][0]]
    paths += [f"order.learner.{name}" for name in ORDER["order"]["learner"]]
    body = changed(ORDER, data.draw(st.sampled_from(paths)), data.draw(JSON))
    every = [(fault.path, fault.message) for fault in faults(ORDER_PAID_TYPE, body)]
    assert _first(body) in (every or [None])


def _first(body: Any) -> tuple[str, str] | None:
    try:
        validate(ORDER_PAID_TYPE, body)
    except ContractError as first:
        return first.path, first.message
    return None
