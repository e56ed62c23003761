"""The bus of users' tests says what a real one says, and refuses what a real one refuses."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attr
import pytest

from commerce_events import ContractError, TransientError, from_dict, validate
from commerce_events import testing as shipped
from commerce_events.testing import (
    FakeBus,
    assert_nothing_published,
    assert_published,
    assert_refunded,
    builders,
    fulfillment_completed,
    fulfillment_deferred,
    fulfillment_failed,
    fulfillment_retained,
    fulfillment_revoked,
    fulfillment_skipped,
    order_paid,
    order_refunded,
    refund_requested,
)
from commerce_events.topics import EVENT_TYPES, RESULT_TYPES

AT = datetime(2026, 5, 1, tzinfo=UTC)
COURSE = "course-v1:edX+DemoX+2026"
BUILDERS = [
    fulfillment_completed, fulfillment_deferred, fulfillment_failed, fulfillment_retained, fulfillment_revoked,
    fulfillment_skipped,
]  # fmt: skip


@pytest.fixture
def fake_bus() -> FakeBus:
    """As the plugin's."""
    return FakeBus()


def published(*orders: str, **more: Any) -> FakeBus:
    bus = FakeBus()
    for order in orders:
        bus.publish_order_paid(order_paid(order, at=AT, **more)["order"])
    return bus


@pytest.mark.parametrize("build", BUILDERS)
def test_every_result_keeps_the_contract(build: Any) -> None:
    body = build("1001")
    validate(RESULT_TYPES[body["fulfillment"]["outcome"]], body)
    from_dict(RESULT_TYPES[body["fulfillment"]["outcome"]], body)
    assert build.__name__ == f"fulfillment_{body['fulfillment']['outcome']}"


def test_a_refund_request_keeps_the_contract() -> None:
    validate("org.openedx.commerce.refund.requested.v1", refund_requested("7", source="other"))


def test_every_outcome_has_a_builder() -> None:
    assert {build()["fulfillment"]["outcome"] for build in BUILDERS} == RESULT_TYPES.keys()


def test_a_result_is_newer_than_the_one_before_it() -> None:
    first, second = fulfillment_deferred()["fulfillment"], fulfillment_completed()["fulfillment"]
    assert first["sequence"] < second["sequence"]
    assert first["result_id"] != second["result_id"]


def test_any_field_can_be_said() -> None:
    body = fulfillment_completed("5", "9", source="other", course_key="course-v1:a+b+c", sequence=3)["fulfillment"]
    assert (body["order_key"], body["line_id"], body["course_key"], body["sequence"]) == (
        "other:5", "9", "course-v1:a+b+c", 3,
    )  # fmt: skip


def test_what_the_builders_give_is_published_as_it_stands(fake_bus: FakeBus) -> None:
    fake_bus.publish_order_paid(order_paid("77"))
    fake_bus.publish_order_refunded(order_refunded("77"))
    assert_published(fake_bus, "77")
    assert_refunded(fake_bus, "77")


@pytest.mark.parametrize("build", [
    order_paid, order_refunded, builders.learner, builders.line, builders.refund_line, refund_requested, *BUILDERS,
])  # fmt: skip
def test_a_misspelt_field_is_refused(build: Any) -> None:
    with pytest.raises(TypeError, match="no field lerner"):
        build(lerner={})


def test_a_time_without_a_zone_is_named_by_its_whole_path() -> None:
    order = from_dict("org.openedx.commerce.order.paid.v1", order_paid("1"))
    with pytest.raises(ContractError) as refused:
        FakeBus().publish_order_paid(attr.evolve(order, paid_at=datetime(2026, 5, 1)))  # noqa: DTZ001
    assert refused.value.path == "order.paid_at"


def test_what_a_client_publishes_is_kept_as_readers_get_it() -> None:
    bus = published("1001")
    (event,) = bus.events
    assert (event.key, event.topic) == ("shop:1001", "commerce-order-lifecycle")
    assert event.data["paid_at"] == "2026-05-01T00:00:00.000000+00:00"
    assert EVENT_TYPES[event.event_type].name == "ORDER_PAID"


def test_a_broken_order_is_refused_and_not_kept() -> None:
    bus = FakeBus()
    with pytest.raises(ContractError):
        bus.publish_order_paid({**order_paid("1")["order"], "lines": []})
    assert_nothing_published(bus)


def test_a_bus_that_is_away_takes_nothing() -> None:
    bus = FakeBus(away=True)
    with pytest.raises(TransientError):
        bus.publish_order_paid(order_paid("1")["order"])
    bus.away = False
    assert bus.events == []


def test_it_stands_where_a_client_stands() -> None:
    from commerce_events.bus.client import StoreClient

    for name in ("publish_order_paid", "publish_order_refunded", "publish", "close"):
        assert callable(getattr(FakeBus, name)) and callable(getattr(StoreClient, name))


def test_what_is_asserted_is_there() -> None:
    bus = published("1001", lines=[builders.line("1"), builders.line("2", mode="audit")])
    data = assert_published(
        bus, "1001", source="shop", learner={"email": "learner@example.com"},
        lines=[{"mode": "audit"}, {"line_id": "1", "course_key": COURSE}],
    )  # fmt: skip
    assert data["order_number"] == "1001"


def test_the_same_content_twice_is_one() -> None:
    bus = published("1001", "1001")
    assert_published(bus, "1001")
    bus.publish_order_paid(order_paid("1001", at=AT, revision=1)["order"])
    assert_published(bus, "1001", times=2)


def test_a_refund_is_asserted_alike() -> None:
    bus = FakeBus()
    bus.publish_order_refunded(order_refunded("1001")["refund"])
    assert_refunded(bus, "1001", is_full=True, lines=[{"line_id": "1", "refunded_total": 1}])
    with pytest.raises(AssertionError, match="ORDER_PAID of order 1001"):
        assert_published(bus, "1001")


@pytest.mark.parametrize(("wanted", "says"), [
    ({"lines": [{"mode": "honor"}]}, "lines[0].mode: wanted 'honor', found 'verified'"),
    ({"lines": []}, "lines: wanted 0, found 1: 1 course-v1:edX+DemoX+2026 verified"),
    ({"lines": [{"line_id": "1"}, {"line_id": "2"}]}, "lines: wanted 2, found 1"),
    ({"learner": {"email": "other@example.com"}}, "learner.email: wanted 'other@example.com'"),
    ({"sorce": "shop"}, "sorce: there is no such field"),
    ({"times": 2}, "wanted 2 time(s), found 1. Published was:\n  ORDER_PAID shop:1001: 1 course-v1:edX+DemoX+2026"),
    ({"times": 0}, "wanted 0 time(s), found 1"),
])  # fmt: skip
def test_a_failure_says_what_was_there(wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(AssertionError) as failed:
        assert_published(published("1001"), "1001", **wanted)
    assert says in str(failed.value)


def test_another_order_is_no_answer() -> None:
    with pytest.raises(AssertionError) as failed:
        assert_published(published("1002"), "1001")
    assert "ORDER_PAID shop:1002" in str(failed.value)
    with pytest.raises(AssertionError, match="nothing was to be published"):
        assert_nothing_published(published("1002"))
    assert_nothing_published(published("1002"), "1001")


def test_a_result_that_breaks_the_contract_is_not_delivered() -> None:
    with pytest.raises(ContractError):
        FakeBus().deliver(fulfillment_completed("1001", quantity=-1))
    with pytest.raises(ContractError):
        FakeBus().deliver({"something": {}})


def test_what_is_shipped_is_what_is_documented() -> None:
    assert sorted(shipped.__all__) == sorted({*shipped.__all__})
    assert all(getattr(shipped, name).__doc__ for name in shipped.__all__)
