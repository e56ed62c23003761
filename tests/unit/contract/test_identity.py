"""What is the same, and what is not."""
from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events import identity, topics, wire
from commerce_events.identity import event_digest, foreign_digest, result_id, stream_digest, text_digest
from commerce_events.topics import ORDER_PAID_TYPE, ORDER_REFUNDED_TYPE

from .bodies import ORDER, REFUND, changed


def paid(path: str = "order.revision", value: Any = 0) -> bytes:
    return event_digest(ORDER_PAID_TYPE, changed(ORDER, path, value))


def test_a_second_sending_is_the_same_event() -> None:
    assert paid("order.occurred_at", "2026-03-02T00:00:00.000000+00:00") == paid()


def test_the_order_of_keys_is_not_content() -> None:
    turned = {"order": dict(reversed(ORDER["order"].items()))}
    assert event_digest(ORDER_PAID_TYPE, turned) == paid()


def test_absent_and_null_are_the_same_event() -> None:
    """So a release that adds an optional field knows what the release before it stored."""
    assert paid("order.learner", {"email": "learner@example.com", "email_verified": True}) == paid()
    assert event_digest(ORDER_PAID_TYPE, {"order": {**ORDER["order"], "campaign": None}}) == paid()


def test_a_fraction_of_zero_may_be_written_or_not() -> None:
    assert paid("order.paid_at", "2026-03-01T09:30:00+00:00") == paid()
    assert paid("order.paid_at", "2026-03-01T09:30:00.000001+00:00") != paid()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order.revision", 1),
        ("order.order_id", "1042 "),
        ("order.order_id", "1042a"),
        ("order.paid_at", "2026-03-01T09:30:01.000000+00:00"),
        ("order.is_test", True),
        ("order.learner.email", "Learner@example.com"),
        ("order.lines.0.mode", "honor"),
        ("order.lines.0.mode", "Verified"),
        ("order.lines.0.beneficiary", {"email": "friend@example.com", "email_verified": False}),
        ("order.lines", list(reversed(ORDER["order"]["lines"]))),
    ],
)
def test_other_content_is_another_event(path: str, value: Any) -> None:
    assert paid(path, value) != paid()


def test_the_event_type_counts() -> None:
    assert event_digest(topics.FULFILLMENT_FAILED_TYPE, ORDER) != event_digest(topics.FULFILLMENT_SKIPPED_TYPE, ORDER)


ALIKE = ["a1", "A1", "a1 ", " a1", "á1", "a\u03011", "á1 ", "ａ1", "a1\u00a0", "ß", "ss", "ﬁ", "fi"]


def test_what_a_collation_takes_for_the_same_stays_apart() -> None:
    """MariaDB merges case, accents and trailing blanks; a digest does not."""
    assert len({text_digest(text) for text in ALIKE}) == len(set(ALIKE))
    assert len({stream_digest("topic", text) for text in ALIKE}) == len(set(ALIKE))
    assert len({paid("order.order_id", text) for text in ALIKE}) == len(set(ALIKE))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=4), max_size=4))
def test_parts_never_run_into_each_other(parts: list[list[str]]) -> None:
    assert len({text_digest(*texts) for texts in parts}) == len({tuple(texts) for texts in parts})


STORED = {
    "text": (text_digest("shop", "1042"), "4ae355f9385dadef5c283f0edc30211983cc7f4e2f94a4b126c2ca5a2b62a76a"),
    "stream": (
        stream_digest("commerce-order-lifecycle", "shop:1042"),
        "a05e60c7123cf8b0d86d2bf18f7aa07ee7b3046a3512f504fe888c308b6b1600",
    ),
    "foreign": (
        foreign_digest("org.openedx.learning.course.enrollment.created.v1", "7d1c0f0e"),
        "a9234cb42328efbfbcc35991906cd388e8c585128d6f7287f32856ec98799929",
    ),
    "paid": (paid(), "3786ddbbb93b922953f4ec389f5a6095227b0d22efbea602afb5b76867c1ed1d"),
    "refunded": (
        event_digest(ORDER_REFUNDED_TYPE, REFUND),
        "ead7b28e6922ded8f41f08621701561ee2e9ca829058f2f79b791670ce3a0915",
    ),
}


@pytest.mark.parametrize(("digest", "expected"), STORED.values(), ids=STORED)
def test_a_digest_is_for_ever(digest: bytes, expected: str) -> None:
    """Databases hold these: another value would make every stored event unknown."""
    assert len(digest) == 32
    assert digest.hex() == expected


def test_a_result_id_is_for_ever() -> None:
    assert str(identity.NAMESPACE) == ("5f0c1d9e-6a57-5b0e-9c1c-1f2d7a1b8c44")
    assert result_id("my-lms", 1, "shop:1042", "1", "fulfill", None, 1) == "41ccb800-cd10-521f-8b10-e2653f78d334"
    assert result_id("my-lms", 1, "shop:1042", None, "revoke", "r-9", 2) == "cfb00990-b2bc-5130-aee3-2a660b4e3300"


def test_each_part_of_a_result_makes_its_id() -> None:
    parts: list[Any] = ["my-lms", 1, "shop:1042", "1", "fulfill", "r", 1]
    ids = {result_id(*parts)}
    for i, other in enumerate(["your-lms", 2, "shop:1043", "2", "revoke", "s", 2]):
        ids.add(result_id(*parts[:i], other, *parts[i + 1 :]))
    assert len(ids) == len(parts) + 1


def test_the_same_order_by_another_writer_is_the_same_event() -> None:
    """An object, its bytes, and the stock bus's way of writing times lead to one digest."""
    event = wire.from_dict(ORDER_PAID_TYPE, ORDER)
    assert event.paid_at.tzinfo == UTC
    assert event_digest(ORDER_PAID_TYPE, {"order": wire.to_dict(event)}) == paid()
    assert event_digest(ORDER_PAID_TYPE, wire.decode(ORDER_PAID_TYPE, wire.encode(ORDER_PAID_TYPE, ORDER))) == paid()
