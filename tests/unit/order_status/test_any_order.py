"""Results in any order, in batches of any size, repeated: the tables say what a plain reading says."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_events import publish_order_paid, publish_order_refunded
from commerce_events.testing import FakeBus, order_paid, order_refunded, results
from commerce_events.testing.builders import line, refund_line
from consumers.order_status import api, states
from consumers.order_status.models import Publication
from tests.engines import schema

BUILD = {
    "completed": results.fulfillment_completed, "deferred": results.fulfillment_deferred,
    "failed": results.fulfillment_failed, "skipped": results.fulfillment_skipped,
    "revoked": results.fulfillment_revoked, "retained": results.fulfillment_retained,
}  # fmt: skip
SAID = st.tuples(
    st.sampled_from(["1001", "1002"]), st.sampled_from(["1", "2"]),
    st.one_of(
        st.tuples(st.sampled_from(["completed", "deferred", "failed", "skipped"]), st.none()),
        st.tuples(st.sampled_from(["revoked", "retained", "deferred"]), st.sampled_from(["r1", "r2"])),
    ),
)  # fmt: skip


def built(sequence: int, order_id: str, line_id: str, what: tuple[str, str | None]) -> dict[str, Any]:
    outcome, refund_id = what
    more: dict[str, Any] = {} if refund_id is None else {"refund_id": refund_id, "action": "revoke"}
    return BUILD[outcome](order_id, line_id, sequence=sequence, **more)


def expected(said: list[dict[str, Any]]) -> dict[str, tuple[str, list[str]]]:
    """Each result read in the order of its sequence, and nothing else known."""
    answers: dict[tuple[str, str], dict[str, states.Answer]] = {
        (order, number): {} for order in ("1001", "1002") for number in ("1", "2")
    }
    for body in said:
        result = body["fulfillment"]
        answers[result["order_id"], result["line_id"]][states.slot(result["action"], result["refund_id"])] = (
            states.Answer(result["sequence"], result["outcome"], result["reason_code"], result["is_final"])
        )
    found = {}
    for order in ("1001", "1002"):
        lines = [states.line_state(answers[order, number]) for number in ("1", "2")]
        found[order] = (states.order_status(lines), [each.state for each in lines])
    return found


def stands() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for order in ("1001", "1002"):
        status = api.order_status("shop", order)
        assert status is not None
        found[order] = (status.status, [each.state for each in status.lines])
    return found


def waiting() -> set[tuple[str, str, str]]:
    """What is still to be sent again: order, action, refund."""
    open_ = Publication.objects.filter(next_send_at__isnull=False)
    return set(open_.values_list("order_key", "action", "refund_id"))


def unanswered(said: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    told = {
        (body["fulfillment"]["order_key"], body["fulfillment"]["action"], body["fulfillment"]["refund_id"] or "",
         body["fulfillment"]["line_id"]) for body in said
    }  # fmt: skip
    published = [(order, "fulfill", "") for order in ("shop:1001", "shop:1002")]
    published += [(order, "revoke", "r1") for order in ("shop:1001", "shop:1002")]
    return {event for event in published if any((*event, number) not in told for number in ("1", "2"))}


@contextmanager
def published() -> Iterator[FakeBus]:
    """Two orders of two lines, and a refund of each."""
    schema.empty()
    bus = FakeBus(outbox=True)
    for order in ("1001", "1002"):
        with transaction.atomic():
            publish_order_paid(order_paid(order, lines=[line("1"), line("2")])["order"])
            publish_order_refunded(order_refunded(order, lines=[refund_line("1"), refund_line("2")])["refund"])
    yield bus


def play(said: list[dict[str, Any]], arriving: list[dict[str, Any]], size: int) -> None:
    with published() as bus:
        for at in range(0, len(arriving), size):
            bus.deliver(*arriving[at : at + size])
        assert stands() == expected(said)
        assert waiting() == unanswered(said)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(SAID, min_size=1, max_size=8), st.data())
def test_the_tables_say_what_a_plain_reading_says(
    sqlite: Any, store: None, drawn: list[Any], data: st.DataObject
) -> None:
    said = [built(sequence, *what) for sequence, what in enumerate(drawn, 1)]
    repeated = said + data.draw(st.lists(st.sampled_from(said), max_size=3))
    play(said, data.draw(st.permutations(repeated)), data.draw(st.integers(1, 4)))


STORY = [
    ("1002", "2", ("deferred", None)), ("1002", "2", ("completed", None)), ("1001", "1", ("completed", None)),
    ("1001", "2", ("completed", None)), ("1001", "1", ("revoked", "r1")),
]  # fmt: skip


def newest_arrival(answers: Any, result: Any) -> Any:
    """The last to come counts."""
    answer = states.Answer(result["sequence"], result["outcome"], result["reason_code"], result["is_final"])
    return {**answers, states.slot(result["action"], result["refund_id"]): answer}


def first_arrival(answers: Any, result: Any) -> Any:
    """The first to come counts."""
    return answers if states.slot(result["action"], result["refund_id"]) in answers else newest_arrival(answers, result)


def any_line(line_ids: Any, action: str, refund_id: str, lines: Any) -> list[str]:
    """An event counts as answered when one of its lines is."""
    wanted = states.slot(action, refund_id)
    return [] if any(wanted in answers for answers in lines.values()) else list(line_ids)


def any_result(line_ids: Any, action: str, refund_id: str, lines: Any) -> list[str]:
    """Any result of a line is taken for an answer to any event."""
    return [line_id for line_id in line_ids if not lines.get(line_id)]


@pytest.mark.parametrize(("name", "bug"), [
    ("folded", newest_arrival), ("folded", first_arrival), ("unanswered", any_line), ("unanswered", any_result),
])  # fmt: skip
def test_a_planted_bug_is_found(
    name: str, bug: Any, sqlite: Any, store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [built(sequence, *what) for sequence, what in enumerate(STORY, 1)]
    arriving = [said[1], said[0], *said[2:]]
    play(said, arriving, 2)
    monkeypatch.setattr(states, name, bug)
    with pytest.raises(AssertionError):
        play(said, arriving if bug is newest_arrival else said, 2)
