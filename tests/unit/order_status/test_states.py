"""Whatever order results come in, and however often: the same states at the end."""
from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.order_status.states import (
    LINE_STATES,
    ORDER_STATUSES,
    Answers,
    LineState,
    folded,
    line_state,
    order_status,
    slot,
    unanswered,
)

OUTCOMES = ["completed", "deferred", "failed", "skipped", "revoked", "retained"]


def result(
    sequence: int, outcome: str, reason: str = "ok", refund_id: str | None = None, is_final: bool | None = None,
) -> dict[str, Any]:
    return {
        "sequence": sequence, "outcome": outcome, "reason_code": reason, "refund_id": refund_id,
        "action": "revoke" if refund_id else "fulfill",
        "is_final": outcome != "deferred" if is_final is None else is_final,
    }  # fmt: skip


def answers(*results: dict[str, Any]) -> Answers:
    found: Answers = {}
    for each in results:
        found = folded(found, each)
    return found


def state(*results: dict[str, Any]) -> tuple[str, str]:
    found = line_state(answers(*results))
    return found.state, found.reason


RESULTS = st.lists(
    st.builds(
        result, st.just(0), st.sampled_from(OUTCOMES), st.sampled_from(["ok", "grant_not_found", "quantity_remaining"]),
        st.sampled_from([None, "r1", "r2"]),
    ), min_size=1, max_size=6,
).map(lambda found: [{**each, "sequence": i} for i, each in enumerate(found, 1)])  # fmt: skip


@given(RESULTS, st.data())
def test_any_permutation_with_duplicates_ends_alike(results: list[dict[str, Any]], data: st.DataObject) -> None:
    repeated = results + data.draw(st.lists(st.sampled_from(results), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    assert answers(*shuffled) == answers(*results)
    assert line_state(answers(*shuffled)) == line_state(answers(*results))


@given(RESULTS)
def test_each_slot_keeps_its_highest_sequence(results: list[dict[str, Any]]) -> None:
    newest = {slot(each["action"], each["refund_id"]): each for each in results}  # they ascend
    assert {name: answer.sequence for name, answer in answers(*results).items()} == {
        name: each["sequence"] for name, each in newest.items()
    }


@given(RESULTS)
def test_every_state_is_a_known_one(results: list[dict[str, Any]]) -> None:
    assert line_state(answers(*results)).state in LINE_STATES


def test_a_line_nobody_has_answered_is_published() -> None:
    assert line_state({}) == LineState("published")


@pytest.mark.parametrize(("outcome", "expected"), [
    ("completed", "fulfilled"), ("deferred", "deferred"), ("failed", "failed"), ("skipped", "skipped"),
    ("something_new", "accepted"),
])  # fmt: skip
def test_the_answer_to_a_purchase(outcome: str, expected: str) -> None:
    assert state(result(1, outcome))[0] == expected


@pytest.mark.parametrize(("outcome", "expected"), [
    ("revoked", "revoked"), ("retained", "retained"), ("deferred", "deferred"), ("skipped", "skipped"),
])  # fmt: skip
def test_what_is_said_of_a_refund_stands_over_the_purchase(outcome: str, expected: str) -> None:
    assert state(result(1, "completed"), result(2, outcome, refund_id="r1"))[0] == expected
    assert state(result(3, "completed", "line_changed"), result(2, outcome, refund_id="r1"))[0] == expected


def test_of_several_refunds_the_newest_word_counts() -> None:
    part = result(2, "retained", "quantity_remaining", "r1")
    rest = result(3, "revoked", "ok", "r2")
    for order in itertools.permutations([result(1, "completed"), part, rest]):
        assert state(*order) == ("revoked", "ok")


def test_a_refund_that_found_nothing_says_nothing_of_a_later_purchase() -> None:
    early = result(1, "retained", "grant_not_found", "r1")
    assert state(early) == ("retained", "grant_not_found")
    assert state(early, result(2, "completed")) == ("fulfilled", "ok")
    assert state(early, result(2, "skipped", "refund_before_paid")) == ("skipped", "refund_before_paid")


def line(state: str, reason: str = "ok", alarm: str = "") -> LineState:
    return LineState(state, reason, True, alarm)


@pytest.mark.parametrize(("lines", "expected"), [
    ([], "open"),
    ([line("published")], "open"),
    ([line("deferred"), line("published")], "open"),
    ([line("fulfilled"), line("published")], "partially_fulfilled"),
    ([line("fulfilled"), line("deferred")], "partially_fulfilled"),
    ([line("fulfilled"), line("skipped")], "fulfilled"),
    ([line("fulfilled"), line("revoked")], "fulfilled"),
    ([line("retained", "quantity_remaining")], "fulfilled"),
    ([line("revoked"), line("retained", "access_kept")], "refunded"),
    ([line("skipped", "refund_before_paid")], "refunded"),
    ([line("skipped", "test_order")], "fulfilled"),
    ([line("fulfilled"), line("failed")], "needs_attention"),
    ([line("fulfilled", alarm="no_result")], "needs_attention"),
])  # fmt: skip
def test_the_status_of_an_order(lines: list[LineState], expected: str) -> None:
    assert order_status(lines) == expected


def test_every_status_can_be_reached_and_is_explained() -> None:
    words = [line(name) for name in LINE_STATES] + [line("fulfilled", alarm="not_final")]
    reached = {order_status(some) for n in (0, 1, 2) for some in itertools.combinations(words, n)}
    assert reached == ORDER_STATUSES.keys()


def test_an_event_waits_for_an_answer_to_each_of_its_lines() -> None:
    known = {"1": answers(result(1, "completed"))}
    assert unanswered(["1", "2"], "fulfill", "", known) == ["2"]
    assert unanswered(["1"], "revoke", "r1", known) == ["1"]


def test_a_refund_of_money_alone_is_answered_by_any_result_of_it() -> None:
    assert unanswered([], "revoke", "r1", {"1": answers(result(1, "completed"))}) == [""]
    assert unanswered([], "revoke", "r1", {"": answers(result(1, "retained", refund_id="r1"))}) == []
    assert unanswered([], "revoke", "r1", {"1": answers(result(1, "revoked", refund_id="r1"))}) == []
