"""Each thing that each checker can say: it is said of a right end of a run that is wrong in one place.

The planted bugs beside it show that the product can get there.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from commerce_events import identity
from commerce_events.models import DeadLetter, Gap, Inbox
from tests.engines.schema import Schemas, pointed_at
from tests.faults import checkers, tabletop
from tests.faults.plan import CANARY
from tests.faults.state import State

Damage = Callable[[State], Any]
#: checker → what is wrong → a word of what it must say about it.
DAMAGES: dict[str, list[tuple[str, str, Damage]]] = {}


@pytest.fixture(scope="module")
def right(schemas: Schemas, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[State]:
    """The end of a run without a restore, in which something could not be read and nothing was deleted."""
    folder: Path = tmp_path_factory.mktemp("right")
    with django_db_blocker.unblock():
        for seed in range(40):
            with pointed_at(schemas.sqlite(folder / f"{seed}.sqlite3").url):
                state = tabletop.run(seed)
            if state.dead and state.seats and state.grants and not (state.restored or state.gaps or state.expired):
                assert checkers.violations(state) == {}
                yield state
                return
    pytest.fail("no such run")


def says(checker: str, word: str) -> Callable[[Damage], Damage]:
    def entered(damage: Damage) -> Damage:
        DAMAGES.setdefault(checker, []).append((damage.__name__.replace("_", " "), word, damage))
        return damage

    return entered


def decided(state: State) -> Inbox:
    """An event that changed something for a learner who is known."""
    places = {(g.order_key, g.line_id) for g in state.grants if g.lms_user_id is not None}
    return next(
        row for row in state.order_inbox() for line in json.loads(row.decision or "[]")
        if line[5] != line[6] and (checkers._order_key(row), line[0]) in places
    )  # fmt: skip


def result(state: State, at: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = state.results[at].body["fulfillment"]
    return body


# --- I1


@says("I1 every event is somewhere", "inbox rows of one content")
def an_event_is_stored_twice(state: State) -> None:
    state.inbox.append(state.order_inbox()[0])


@says("I1 every event is somewhere", "is nowhere")
def an_event_is_not_stored(state: State) -> None:
    state.inbox.remove(state.order_inbox()[0])


@says("I1 every event is somewhere", "never on the topic")
def an_event_comes_from_nowhere(state: State) -> None:
    state.order_inbox()[0].payload = json.dumps({"order_key": "shop:nobody"})


@says("I1 every event is somewhere", "has 0 dead letters")
def what_cannot_be_read_is_not_set_aside(state: State) -> None:
    state.dead.clear()


@says("I1 every event is somewhere", "can be read and has a dead letter")
def what_can_be_read_is_set_aside(state: State) -> None:
    there = next(each for each in state.orders if each.body)
    state.dead.append(
        DeadLetter(topic=there.topic, partition=there.partition, offset=there.offset, state=DeadLetter.State.OPEN)
    )


@says("I1 every event is somewhere", "is not on the topic")
def what_was_sold_was_never_published(state: State) -> None:
    state.events.append((state.events[0][0], {"order_key": "shop:sold"}))


@says("I1 everything is done", "is held for a person")
def somebody_is_to_look(state: State) -> None:
    state.inbox[0].state = Inbox.State.HELD


@says("I1 everything is done", "pending")
def something_is_not_handled(state: State) -> None:
    state.inbox[0].state = Inbox.State.PENDING


@says("I1 everything is done", "due 2")
def something_is_due(state: State) -> None:
    state.inbox[0].due_at = timezone.now()


@says("I1 everything is done", "never sent")
def something_waits_to_be_sent(state: State) -> None:
    state.waiting.add(1)


# --- I2, I3, I4


@says("I2 a line changes once per decision", "decided twice in one decision")
def a_line_twice(state: State) -> None:
    row = decided(state)
    row.decision = json.dumps(json.loads(row.decision) * 2)


@says("I2 a line changes once per decision", "do not lead from nothing")
def a_change_that_was_never_made(state: State) -> None:
    row = decided(state)
    lines = json.loads(row.decision)
    row.decision = json.dumps([[*line[:6], "another"] if line[5] != line[6] else line for line in lines])


@says("I3 one id, one content", "cannot be read")
def a_result_that_nobody_can_read(state: State) -> None:
    state.results[0] = replace(state.results[0], body={}, problem="nothing fits")


@says("I3 one id, one content", "has two contents")
def a_result_told_in_two_ways(state: State) -> None:
    again = deepcopy(state.results[0])
    again.body["fulfillment"]["reason_code"] = "another"
    state.results.append(again)


@says("I3 one id, one content", "told otherwise than it was decided")
def a_result_told_otherwise(state: State) -> None:
    result(state)["reason_code"] = "another"


@says("I3 one id, one content", "has the key")
def a_result_of_another_key(state: State) -> None:
    state.results[0] = replace(state.results[0], key="shop:another")


@says("I3 one id, one content", "was decided 2 times")
def an_id_decided_twice(state: State) -> None:
    state.messages.append(state.messages[0])


@says("I3 one current result", "two results of sequence")
def two_of_one_sequence(state: State) -> None:
    again = deepcopy(state.results[0])
    again.body["fulfillment"]["result_id"] = "another"
    state.results.append(again)


@says("I3 one current result", "a reader holds nothing")
def nobody_was_told(state: State) -> None:
    state.results.clear()


@says("I3 one current result", "the database nothing")
def told_and_forgotten(state: State) -> None:
    state.messages.clear()


@says("I4 effect and result agree", "decided, not told")
def an_effect_without_a_result(state: State) -> None:
    state.messages.clear()


@says("I4 effect and result agree", "told, not decided")
def a_result_without_an_effect(state: State) -> None:
    decided(state).decision = ""


# --- I5, I6, I7


@says("I5 Kafka is not ahead", "committed 99")
def kafka_knows_more(state: State) -> None:
    state.committed[next(iter(state.ends))] = 99


@says("I5 Kafka is not ahead", "in between")
def kafka_knew_more_for_a_while(state: State) -> None:
    state.noted.append("I5 in between")


@says("I6 results ascend", "told out of sequence")
def the_newest_first(state: State) -> None:
    state.results.reverse()


@says("I6 results ascend", "in a lower epoch")
def an_epoch_goes_down(state: State) -> None:
    again = deepcopy(state.results[0])
    again.body["fulfillment"] |= {"result_id": "later", "sequence": identity.sequence(state.epoch + 1, 1)}
    last = deepcopy(state.results[0])
    last.body["fulfillment"] |= {"result_id": "last", "sequence": identity.sequence(state.epoch, 99)}
    state.results += [again, last]


@says("I6 results ascend", "decided and not told")
def one_was_never_told(state: State) -> None:
    said = result(state)["result_id"]
    state.results = [each for each in state.results if each.body["fulfillment"]["result_id"] != said]


@says("I6 results ascend", "told and not decided")
def one_was_never_decided(state: State) -> None:
    state.messages.pop()


@says("I7 nothing is passed over", "its end is")
def the_end_is_not_reached(state: State) -> None:
    state.positions[0].offset -= 1


@says("I7 nothing is passed over", "the position None")
def nobody_stands_there(state: State) -> None:
    state.positions.clear()


@says("I7 nothing is passed over", "is halted")
def a_partition_stands_still(state: State) -> None:
    state.positions[0].halted = "expired"


@says("I7 nothing is passed over", "there is no gap")
def deleted_and_not_said(state: State) -> None:
    state.expired.append((state.positions[0].topic, 0, 1, 2))


@says("I7 nothing is passed over", "a gap that nobody made")
def said_and_not_deleted(state: State) -> None:
    state.gaps.append(Gap(topic=state.positions[0].topic, partition=0, from_offset=1, to_offset=2))


@says("I7 nothing is passed over", "gaps without an alarm")
def a_gap_and_no_alarm(state: State) -> None:
    said_and_not_deleted(state)
    deleted_and_not_said(state)


@says("I7 nothing is passed over", "was never stored")
def deleted_and_never_stored(state: State) -> None:
    sold = next(each for each in state.orders if each.body)
    state.deleted.append((replace(sold, body={"order": {"order_key": "shop:nobody"}}), False))


# --- I8 to I12


@says("I8 nobody gives up", "ended by itself")
def a_process_ended(state: State) -> None:
    state.noted.append("I8 consumer-0 ended by itself with 3")


@says("I9 processes are bounded", "memory MB 301")
def too_much_memory(state: State) -> None:
    state.sizes["consumer-0"] = {"memory MB": 301.0}


@says("I9 processes are bounded", "sessions 61")
def too_many_sessions(state: State) -> None:
    state.sizes["the database"] = {"sessions": 61.0}


@says("I10 the end is the model's", "seats of")
def a_seat_is_lost(state: State) -> None:
    state.seats.popitem()


@says("I10 the end is the model's", "totals of")
def a_total_is_wrong(state: State) -> None:
    state.grants[0].refunded_total += 1


@says("I10 the end is the model's", "live lines of")
def a_line_is_forgotten(state: State) -> None:
    state.grants.remove(next(each for each in state.grants if each.state == "active" and each.found))


@says("I11 nobody is named", "log names a learner")
def a_learner_in_a_log(state: State) -> None:
    state.texts["log"] += f"\n{CANARY}-1@example.com"


@says("I11 nobody is named", "a result names a learner")
def a_learner_in_a_result(state: State) -> None:
    result(state)["detail"] = f"{CANARY}-1@example.com"


@says("I12 health tells the truth", "is green")
def green_beside_an_outage(state: State) -> None:
    state.noted.append("I12 consumer-0 is green")


@pytest.mark.parametrize(
    ("checker", "word", "damage"),
    [pytest.param(checker, *each[1:], id=each[0]) for checker, listed in DAMAGES.items() for each in listed],
)
def test_it_is_said_by_its_checker(checker: str, word: str, damage: Damage, right: State) -> None:
    state = deepcopy(right)
    damage(state)
    said = list(checkers.CHECKERS[checker](state))
    assert any(word in each for each in said), said


def test_each_checker_is_tried() -> None:
    assert set(DAMAGES) == set(checkers.CHECKERS)
