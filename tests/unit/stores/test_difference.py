"""The events are the same whatever deliveries came: the property that every adapter stands on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from commerce_events import topics
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.snapshot import Item, Learner, Notice, Returned, Reversal, Snapshot
from commerce_events.validation import validate

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEARNER = Learner(email="learner@example.com")
SEAT = Item(line_id="1", quantity=1, course_key="course-v1:edX+DemoX+2026", mode="verified")
TWO = Item(line_id="2", quantity=2, course_key="course-v1:edX+UniX+2026", mode="professional")


def order(*items: Item, reversals: tuple[Reversal, ...] = (), paid: bool = True, **more: Any) -> Snapshot:
    return Snapshot(
        order_id="77", paid_at=NOW if paid else None, learner=LEARNER, items=items, reversals=reversals, **more
    )


def back(refund_id: str, minutes: int, *lines: tuple[str, int], **more: Any) -> Reversal:
    at = NOW + timedelta(minutes=minutes)
    return Reversal(refund_id=refund_id, at=at, lines=tuple(Returned(line_id=a, quantity=b) for a, b in lines), **more)


def told(*snapshots: Snapshot) -> tuple[list[tuple[str, Any]], list[Notice], Emitted]:
    """Everything that goes out when these are heard one after the other; each is valid."""
    emitted, events, notices = Emitted(), [], []
    for at, snapshot in enumerate(snapshots):
        missing = difference("shop", snapshot, emitted, NOW + timedelta(hours=at))
        emitted = Emitted.of(missing.emitted.as_json())
        notices += missing.notices
        for event_type, body in missing.events:
            validate(event_type, body)
            (content,) = body.values()
            events.append((event_type, {**content, "occurred_at": ""}))
    return events, notices, emitted


R1, R2, R3 = back("r1", 1, ("1", 1)), back("r2", 2, ("2", 1)), back("r3", 3, ("2", 1))
STORY = [
    order(SEAT, TWO, paid=False),
    order(SEAT, TWO),
    order(SEAT, TWO, reversals=(R1,)),
    order(SEAT, TWO, reversals=(R1, R2)),
    order(SEAT, TWO, reversals=(R1, R2, R3)),
]


@given(st.lists(st.sampled_from(STORY), max_size=12))
def test_any_deliveries_that_end_with_the_last_picture_give_the_same_events(heard: list[Snapshot]) -> None:
    assert told(*heard, STORY[-1])[0] == told(STORY[-1])[0] == told(*STORY)[0]


def test_the_collapsed_picture_tells_the_whole_story_in_its_order() -> None:
    events, notices, _ = told(STORY[-1])
    assert [event_type for event_type, _ in events] == [topics.ORDER_PAID_TYPE] + [topics.ORDER_REFUNDED_TYPE] * 3
    assert [(line["line_id"], line["refunded_total"], line["ordered_quantity"], refund["is_full"])
            for _, refund in events[1:] for line in refund["lines"]] == [
        ("1", 1, 1, False), ("2", 1, 2, False), ("2", 2, 2, True),
    ]  # fmt: skip
    assert notices == []


def test_a_refund_line_names_course_and_mode_after_the_store_has_forgotten_them() -> None:
    forgotten = Item(line_id="1", quantity=1)
    events, notices, _ = told(order(SEAT), order(forgotten, reversals=(R1,)))
    assert events[1][1]["lines"][0]["course_key"] == SEAT.course_key
    assert notices == []


def test_a_line_added_later_goes_out_alone_once_there_is_money_for_it() -> None:
    unpaid = Item(line_id="2", quantity=1, is_paid=False)
    paid = Item(line_id="2", quantity=1)
    events, notices, _ = told(order(SEAT), order(SEAT, unpaid), order(SEAT, unpaid), order(SEAT, paid))
    assert [[line["line_id"] for line in body["lines"]] for _, body in events] == [["1"], ["2"]]
    assert [body["revision"] for _, body in events] == [0, 1]
    assert notices == [Notice(code="line_without_money", about="2")]


def test_an_order_without_money_says_nothing_even_if_something_was_reversed() -> None:
    assert told(order(SEAT, reversals=(R1,), paid=False))[0] == []


def test_an_amount_alone_gives_back_no_seat_and_ends_nothing() -> None:
    (_, (_, refund)), _, emitted = told(order(SEAT, reversals=(back("r9", 5),)))
    assert (refund["lines"], refund["is_full"], emitted.is_full) == ([], False, False)


def test_a_full_reversal_takes_what_is_left_of_each_line() -> None:
    events, _, emitted = told(order(SEAT, TWO, reversals=(R2, back("cb", 9, kind="chargeback", is_full=True))))
    last = events[-1][1]
    assert (last["refund_kind"], last["is_full"], emitted.is_full) == ("chargeback", True, True)
    assert [(line["line_id"], line["quantity"], line["refunded_total"]) for line in last["lines"]] == [
        ("1", 1, 1), ("2", 1, 2),
    ]  # fmt: skip


def test_a_reversal_that_turns_out_to_be_full_takes_the_rest_once() -> None:
    part, whole = back("r2", 2, ("2", 1)), back("r2", 2, ("2", 1), is_full=True)
    pictures = [order(SEAT, TWO, reversals=(part,)), *[order(SEAT, TWO, reversals=(whole,), is_current=True)] * 2]
    events, notices, emitted = told(*pictures)
    assert [(refund["refund_id"], refund["is_full"]) for _, refund in events[1:]] == [("r2", False), ("r2/rest", True)]
    assert [(line["line_id"], line["quantity"]) for line in events[2][1]["lines"]] == [("1", 1), ("2", 1)]
    assert (notices, emitted.is_full) == ([], True)


def test_no_more_seats_come_back_than_were_sold() -> None:
    events, _, _ = told(order(SEAT, reversals=(back("r1", 1, ("1", 3)), back("r2", 2, ("1", 1), ("unknown", 1)))))
    assert [(line["quantity"], line["refunded_total"]) for line in events[1][1]["lines"]] == [(1, 1)]
    assert events[2][1]["lines"] == []
    assert not events[2][1]["is_full"]


def test_a_refund_of_more_seats_than_are_left_is_shown_to_a_person_once() -> None:
    exact, more = (
        Reversal(refund_id="r9", at=NOW, lines=(Returned(line_id="2", quantity=TWO.quantity + extra),))
        for extra in (0, 1)
    )
    assert told(order(TWO, reversals=(exact,)))[1] == []
    events, notices, _ = told(order(TWO, reversals=(more,)), order(TWO, reversals=(more,)))
    assert events[-1][1]["lines"][0]["quantity"] == TWO.quantity
    assert notices == [Notice(code="refund_exceeds_line", about="r9")]


def test_a_reversal_that_comes_before_its_order_is_told_with_what_is_known() -> None:
    lines = (Returned(line_id="1", quantity=1, ordered=1),)
    early = Snapshot(order_id="77", is_partial=True, reversals=(Reversal(refund_id="r1", at=NOW, lines=lines),))
    events, _, _ = told(early, order(SEAT), early)
    assert [event_type for event_type, _ in events] == [topics.ORDER_REFUNDED_TYPE, topics.ORDER_PAID_TYPE]
    assert events[0][1]["lines"][0]["refunded_total"] == 1


def test_reversals_that_are_told_in_another_order_still_add_up() -> None:
    alone = Snapshot(order_id="77", is_partial=True, reversals=(R3,))
    events, _, emitted = told(order(TWO), alone, Snapshot(order_id="77", is_partial=True, reversals=(R2,)))
    assert [body["lines"][0]["refunded_total"] for _, body in events[1:]] == [1, 2]
    assert [body["is_full"] for _, body in events[1:]] == [False, True]
    assert emitted.is_full


def test_a_line_that_was_edited_is_shown_to_a_person_once() -> None:
    edited = Item(line_id="1", quantity=2, course_key=SEAT.course_key, mode="verified")
    events, notices, _ = told(order(SEAT), order(edited), order(edited))
    assert len(events) == 1
    assert notices == [Notice(code="line_changed", about="1")]


def test_a_line_added_later_waits_for_a_person_where_the_store_shows_no_money_for_it() -> None:
    events, notices, _ = told(order(SEAT, shows_money=False), order(SEAT, TWO, shows_money=False))
    assert [[line["line_id"] for line in body["lines"]] for _, body in events] == [["1"]]
    assert notices == [Notice(code="line_without_money", about="2")]


def test_a_reversal_that_the_store_no_longer_shows_is_told_to_a_person_and_grants_nothing() -> None:
    events, notices, emitted = told(
        order(SEAT, reversals=(R1,)), order(SEAT), order(SEAT, is_current=True), order(SEAT, is_current=True)
    )
    assert len(events) == 2
    assert notices == [Notice(code="refund_gone", about="r1")]
    assert emitted.returned("1") == 1


def test_an_order_that_names_nobody_waits_for_a_person() -> None:
    nobody = Snapshot(order_id="77", paid_at=NOW, items=(SEAT,))
    events, notices, emitted = told(nobody)
    assert (events, [notice.code for notice in notices]) == ([], ["learner_missing"])
    assert told(nobody, order(SEAT))[0][0][0] == topics.ORDER_PAID_TYPE
    assert emitted.lines == {}


def test_the_known_id_of_the_lms_makes_the_address_needless() -> None:
    known = Snapshot(
        order_id="77", paid_at=NOW, items=(SEAT,), learner=Learner(lms_user_id=4, email="learner@example.com")
    )
    assert told(known)[0][0][1]["learner"]["email"] is None
