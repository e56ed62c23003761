"""Objects of the data classes, and the dictionaries of the wire."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attr
import pytest

from commerce_events import wire
from commerce_events.data import LearnerData, OrderData, OrderLineData
from commerce_events.exceptions import ContractError
from commerce_events.topics import ORDER_PAID_TYPE
from commerce_events.validation import validate

from .bodies import ORDER

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def order(**changes: Any) -> OrderData:
    line = OrderLineData(
        line_id="1", product_kind="course_seat", course_key="course-v1:edX+DemoX+2026", mode="verified", quantity=1
    )
    made = OrderData(
        source="shop", order_id="1042", order_key="shop:1042", order_number="SO-1042", revision=0, paid_at=AT,
        occurred_at=AT.replace(second=2, microsecond=250000), is_test=False, email_opt_in=False,
        learner=LearnerData(email="learner@example.com", email_verified=True),
        lines=[line, attr.evolve(line, line_id="2")],
    )  # fmt: skip
    return attr.evolve(made, **changes)


def test_an_object_becomes_what_goes_on_the_wire() -> None:
    assert {"order": wire.to_dict(order())} == ORDER


def test_a_decoded_body_becomes_the_object_again() -> None:
    assert wire.from_dict(ORDER_PAID_TYPE, ORDER) == order()


def test_a_tuple_of_lines_is_a_list_on_the_wire() -> None:
    assert {"order": wire.to_dict(order(lines=tuple(order().lines)))} == ORDER


def test_a_time_without_a_zone_is_refused_by_name() -> None:
    with pytest.raises(ContractError) as caught:
        wire.to_dict(order(paid_at=datetime(2026, 3, 1)))  # noqa: DTZ001 – the point
    assert caught.value.path == "paid_at"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"is_test": "false"}, "order.is_test"),
        ({"revision": 1.5}, "order.revision"),
        ({"paid_at": "2026-03-01"}, "order.paid_at"),
        ({"lines": [attr.evolve(order().lines[0], quantity=1.5)]}, "order.lines[0].quantity"),
        ({"learner": None}, "order.learner"),
        ({"learner": "learner@example.com"}, "order.learner"),
        ({"order_id": 1042}, "order.order_id"),
    ],
)
def test_wrong_values_of_an_object_reach_the_checks_as_they_are(changes: dict[str, Any], path: str) -> None:
    """The class does not check types, and Avro would bend them."""
    with pytest.raises(ContractError) as caught:
        validate(ORDER_PAID_TYPE, {"order": wire.to_dict(order(**changes))})
    assert caught.value.path == path
